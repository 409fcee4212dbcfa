internal import MoultModel
internal import MoultServer

/// Qdrant's quantization, and the code of ours that serves it.
enum QuantizationTranslation {
  /// - Throws: 400, 422 for what is no quantization.
  static func check(_ json: JSON?, at path: String) throws(QdrantError) {
    _ = try specification(json, at: path)
  }

  /// The nearest form that Moult has; `nil` for none.
  ///
  /// Placement (`always_ram`, `memory`) says nothing about it: two forms that differ in nothing else are the same.
  static func specification(
    _ json: JSON?, at path: String, index: IndexSpecification = .automatic
  ) throws(QdrantError) -> EncodingSpecification? {
    guard let json, json != .null, json != .string("Disabled") else { return nil }
    let outer = try QdrantFields(json, at: path)
    guard outer.object.members.count == 1, let kind = outer.object.members.first?.key,
      let fields = try outer.fields(kind)
    else { throw .format("\(path): expected one of `scalar`, `product`, `binary`, `turbo`") }
    func word(_ name: String, _ standard: String?) throws(QdrantError) -> String {
      guard let word = try fields.string(name) ?? standard else {
        throw .format("missing field `\(fields.place(name))`")
      }
      return word
    }
    switch kind {
    case "scalar":
      guard try word("type", nil) == "int8" else {
        throw .format("\(fields.place("type")): unknown variant, expected `int8`")
      }
      let quantile = try fields.double("quantile")
      if let quantile, !(0.5...1).contains(quantile) {
        throw .validation("[\(fields.place("quantile")): value \(quantile) invalid, must be from 0.5 to 1.0]")
      }
      return EncodingSpecification(quantization: .int8, quantile: quantile, index: index)
    case "product":
      switch try word("compression", nil) {
      case "x4": return EncodingSpecification(quantization: .int8, index: index)
      case "x8": return EncodingSpecification(quantization: .int4, index: index)
      case "x16": return EncodingSpecification(quantization: .lloyd2, index: index)
      case "x32", "x64": return EncodingSpecification(quantization: .binary, index: index)
      case let other:
        throw .format(
          "\(fields.place("compression")): unknown variant `\(other)`, expected one of `x4`, `x8`, `x16`, `x32`, `x64`"
        )
      }
    case "binary":
      switch try word("encoding", "one_bit") {
      case "one_bit": return EncodingSpecification(quantization: .binary, index: index)
      case "two_bits", "one_and_half_bits": return EncodingSpecification(quantization: .lloyd2, index: index)
      case let other: throw .format("\(fields.place("encoding")): unknown variant `\(other)`")
      }
    case "turbo":
      switch try word("bits", "bits4") {
      case "bits8": return EncodingSpecification(quantization: .int8, index: index)
      case "bits4": return EncodingSpecification(quantization: .lloyd4, index: index)
      case "bits2", "bits1_5": return EncodingSpecification(quantization: .lloyd2, index: index)
      case "bits1": return EncodingSpecification(quantization: .lloyd1, index: index)
      case let other: throw .format("\(fields.place("bits")): unknown variant `\(other)`")
      }
    default:
      throw .format(
        "\(path): unknown variant `\(kind.prefix(100))`, expected one of `scalar`, `product`, `binary`, `turbo`"
      )
    }
  }
}
