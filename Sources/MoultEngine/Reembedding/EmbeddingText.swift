import Crypto
import MoultModel
import MoultStorage

/// How points become texts for one embedder, and how those are known again.
struct EmbeddingText: Sendable {
  /// What is to be embedded.
  struct Order: Codable, Sendable {
    /// As it was when the job was made: it does not change under the job.
    var embedder: Embedder
    /// `nil` for files, which know points by their ids.
    var template: String?
    var missing: MissingTextPolicy
    var maximumSetAside: Int
    var budget: Double?
    var minimumAgreement: Double
    var metric: Metric?
    /// Absent in jobs of earlier versions.
    var maximumLabelledLoss: Double?
    /// Absent in jobs of earlier versions, which have no bridge.
    var bridges: Bool?
  }

  enum Found: Sendable {
    case text(String)
    case none(reason: String)

    /// Byte by byte: Swift's own equality takes two texts for one that a model may tell apart.
    func isSame(as other: Found) -> Bool {
      switch (self, other) {
      case (.text(let one), .text(let two)): one.utf8.elementsEqual(two.utf8)
      case (.none, .none): true
      default: false
      }
    }
  }

  let order: Order
  private let template: TextTemplate?

  init(_ order: Order) throws(MoultError) {
    self.order = order
    template = try order.template.map { text throws(MoultError) in try TextTemplate(text) }
    guard (template == nil) == order.embedder.isFile else {
      throw MoultError(
        .invalidArgument,
        order.embedder.isFile
          ? "embedder '\(order.embedder.name)' is a file and knows points by their ids: give no text"
          : "say what text of a point is embedded, such as --text '{title}: {body}'")
    }
  }

  /// The text of a point as it is sent, prefix included.
  func text(of point: StoredPoint) -> Found {
    guard let template else { return .text("\(point.id)") }
    switch template.render(point.payload, fillsMissing: order.missing == .empty) {
    case .text(let text): return .text(order.embedder.documentPrefix + text)
    case .missing(let field): return .none(reason: "its payload has nothing under '\(field)'")
    case .noText(let field, let found):
      return .none(reason: "'\(field)' of its payload is \(found), not a text")
    }
  }

  /// - Throws: `invalidArgument` where a point without a text ends the job.
  func requireText(_ point: StoredPoint, _ reason: String) throws(MoultError) {
    guard order.missing == .fail else { return }
    throw MoultError(
      .invalidArgument,
      "point '\(point.id)' has no text for '\(order.template ?? "")': \(reason). Mend it, or let such points pass "
        + "(--missing skip leaves them out, --missing empty takes the fields that are there)")
  }

  /// The place of a text's vector in the cache: SHA-256 of the model's identity and the text.
  static func key(_ text: String, identity: String) -> EmbeddingCache.Key {
    var text = text
    var identity = identity
    var hash = SHA256()
    identity.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
    // Stands in no identity, so that no two pairs give the same bytes.
    hash.update(data: [0])
    text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
    return hash.finalize().withUnsafeBytes { EmbeddingCache.Key(digest: $0) }
  }
}
