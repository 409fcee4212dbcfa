import Foundation
import MoultCompute
import MoultModel
import MoultStorage

/// Gives payloads the sparse vectors of their texts: each payload has those of the text that it holds, and no other.
struct TextVectorMaker: Sendable {
  private struct Made: Sendable {
    var member: String
    var template: TextTemplate
    var fillsMissing: Bool
    var weighting: TextWeighting
  }

  private let made: [Made]

  /// - Throws: `corrupted` for a definition that cannot be read.
  init(_ vectors: [TextVector]) throws(MoultError) {
    made = try vectors.map { vector throws(MoultError) in
      do throws(MoultError) {
        return Made(
          member: vector.member, template: try TextTemplate(vector.template),
          fillsMissing: vector.fillsMissing,
          weighting: vector.weights.weighting)
      } catch {
        throw MoultError(.corrupted, "the text of sparse vector '\(vector.name)': \(error.message)")
      }
    }
  }

  /// - Parameter payload: an object of JSON that was checked, or nothing; with or without such vectors.
  func filled(_ payload: String) -> String {
    let plain = TextVector.plain(payload)
    let members = made.compactMap { made -> (name: String, text: String)? in
      guard case .text(let text) = made.template.render(plain, fillsMissing: made.fillsMissing) else {
        return nil
      }
      return (made.member, TextWeights.stored(text, made.weighting).base64)
    }
    return TextVector.adding(members, to: plain)
  }

  func filled(_ payloads: [String]) -> [String] {
    made.isEmpty ? payloads : payloads.map { filled($0) }
  }
}

extension SparseVector {
  /// As `PayloadSearch` reads it: pairs of a 32-bit index and a float32, little-endian.
  fileprivate var base64: String {
    var data = Data(capacity: count * 8)
    for (index, value) in zip(indices, values) {
      for word in [index, value.bitPattern] {
        withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) }
      }
    }
    return data.base64EncodedString()
  }
}
