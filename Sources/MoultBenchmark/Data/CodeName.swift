package import MoultModel

/// A code as lists of codes name it: `int8`, or `segmented:0.75` with its bits a dimension.
package struct CodeName: Sendable, Hashable, LosslessStringConvertible {
  package let quantization: Quantization
  /// Only for `segmented`.
  package let bits: Double?

  package init?(_ description: String) {
    let parts = description.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let quantization = parts.first.flatMap({ Quantization(rawValue: String($0)) }) else { return nil }
    self.quantization = quantization
    guard parts.count == 2 else {
      bits = nil
      return
    }
    guard quantization == .segmented, let bits = Double(parts[1]), bits >= 0.25, bits <= 8 else { return nil }
    self.bits = bits
  }

  /// The code of a form; its dimensions, index and rescoring have no part in the name.
  package init(_ specification: EncodingSpecification) {
    quantization = specification.quantization
    bits = specification.bits
  }

  package var description: String {
    bits.map { "\(quantization.rawValue):\($0.formatted)" } ?? quantization.rawValue
  }

  package var specification: EncodingSpecification {
    EncodingSpecification(quantization: quantization, bits: bits)
  }
}

extension Double {
  /// Without the ".0" of whole numbers.
  fileprivate var formatted: String { self == rounded() ? String(Int(self)) : String(self) }
}
