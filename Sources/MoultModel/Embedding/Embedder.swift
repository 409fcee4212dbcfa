/// What makes vectors of texts: a model behind an endpoint that speaks OpenAI's `/v1/embeddings`, or a file of vectors
/// that were made elsewhere.
///
/// A key is never part of it, only where the server finds one.
public struct Embedder: Sendable, Codable, Equatable {
  public var name: String
  /// Of the endpoint, path included; `nil` for files.
  public var url: String?
  /// As the endpoint calls it; `nil` for files.
  public var model: String?
  /// A `.npy` file, one vector a row; `nil` for endpoints.
  public var vectors: String?
  /// The point of each row: `.npy` of integers, or a text file with one id a line.
  public var ids: String?
  /// Entries of a vector.
  public var dimension: Int
  /// Whether the endpoint is asked for that many: models that can be shortened need it, others may refuse it.
  public var sendsDimension: Bool
  /// Set before every text of a point.
  public var documentPrefix: String
  /// Set before every text that is searched for.
  public var queryPrefix: String
  /// A file that holds the key, on the server.
  public var keyFile: String?
  /// A variable of the server's environment that holds the key.
  public var keyVariable: String?
  /// Texts of one request at most.
  public var batchTexts: Int
  /// Requests under way at most.
  public var streams: Int
  /// Of one request.
  public var timeoutSeconds: Double
  public var requestsPerMinute: Double?
  public var tokensPerMinute: Double?
  /// In any currency; bills and budgets are in the same.
  public var pricePerMillionTokens: Double?

  public static let batchTextsDefault = 64
  public static let streamsDefault = 4
  public static let timeoutSecondsDefault = 60.0

  public init(
    name: String, url: String? = nil, model: String? = nil, vectors: String? = nil, ids: String? = nil,
    dimension: Int, sendsDimension: Bool = false, documentPrefix: String = "", queryPrefix: String = "",
    keyFile: String? = nil, keyVariable: String? = nil, batchTexts: Int = Embedder.batchTextsDefault,
    streams: Int = Embedder.streamsDefault, timeoutSeconds: Double = Embedder.timeoutSecondsDefault,
    requestsPerMinute: Double? = nil, tokensPerMinute: Double? = nil, pricePerMillionTokens: Double? = nil
  ) {
    self.name = name
    self.url = url
    self.model = model
    self.vectors = vectors
    self.ids = ids
    self.dimension = dimension
    self.sendsDimension = sendsDimension
    self.documentPrefix = documentPrefix
    self.queryPrefix = queryPrefix
    self.keyFile = keyFile
    self.keyVariable = keyVariable
    self.batchTexts = batchTexts
    self.streams = streams
    self.timeoutSeconds = timeoutSeconds
    self.requestsPerMinute = requestsPerMinute
    self.tokensPerMinute = tokensPerMinute
    self.pricePerMillionTokens = pricePerMillionTokens
  }

  /// Whether it reads a file of vectors, and so knows the points of that file only.
  public var isFile: Bool { vectors != nil }

  /// Whether somebody who names a model means this one: by the model's own name or the embedder's.
  public func isCalled(_ model: String) -> Bool { name == model || self.model == model }

  /// Whether both give the same vectors to the same points and queries.
  public func embedsAs(_ other: Embedder) -> Bool {
    url == other.url && model == other.model && vectors == other.vectors && ids == other.ids
      && dimension == other.dimension && sendsDimension == other.sendsDimension
      && documentPrefix == other.documentPrefix && queryPrefix == other.queryPrefix
  }

  /// Whether an `@` stands before the path: what is before it names a user.
  private static func hasUserInfo(_ url: String) -> Bool {
    var rest = Array(url.utf8)[...]
    if let colon = rest.firstIndex(of: UInt8(ascii: ":")), rest[(colon + 1)...].starts(with: Array("//".utf8))
    {
      rest = rest[(colon + 3)...]
    }
    let ends: [UInt8] = Array("/?#".utf8)
    return rest.prefix { !ends.contains($0) }.contains(UInt8(ascii: "@"))
  }

  /// - Throws: `invalidArgument` naming the member that is missing or out of range.
  public func validate() throws(MoultError) {
    try Name.validate(name, what: "embedder")
    if let url, Self.hasUserInfo(url) {
      throw MoultError(
        .invalidArgument,
        "the url of embedder '\(name)' has a user or password in it, which lists and backups would show; give the key by "
          + "keyFile or keyVariable")
    }
    switch (url, model, vectors, ids) {
    case (_?, let model?, nil, nil):
      guard !model.isEmpty, model.utf8.count <= 256 else {
        throw MoultError(.invalidArgument, "model must have 1 … 256 bytes, got \(model.utf8.count)")
      }
    case (nil, nil, _?, _?): break
    default:
      throw MoultError(
        .invalidArgument,
        "embedder '\(name)' needs url and model (an endpoint), or vectors and ids (files), and nothing of the other"
      )
    }
    guard CollectionSchema.dimensionRange.contains(dimension) else {
      throw MoultError(
        .invalidArgument,
        "dimension must be in \(CollectionSchema.dimensionRange.lowerBound) … "
          + "\(CollectionSchema.dimensionRange.upperBound), got \(dimension)")
    }
    guard keyFile == nil || keyVariable == nil else {
      throw MoultError(.invalidArgument, "a key is in a file or in a variable: give keyFile or keyVariable")
    }
    for (what, text) in [("documentPrefix", documentPrefix), ("queryPrefix", queryPrefix)] {
      guard text.utf8.count <= 4_096 else {
        throw MoultError(.invalidArgument, "\(what) must be at most 4096 bytes, got \(text.utf8.count)")
      }
    }
    func check(_ what: String, _ value: Double?, _ range: ClosedRange<Double>) throws(MoultError) {
      guard let value, !range.contains(value) else { return }
      throw MoultError(
        .invalidArgument, "\(what) must be in \(range.lowerBound) … \(range.upperBound), got \(value)")
    }
    try check("batchTexts", Double(batchTexts), 1...2_048)
    try check("streams", Double(streams), 1...64)
    try check("timeoutSeconds", timeoutSeconds, 0.1...3_600)
    try check("requestsPerMinute", requestsPerMinute, 0.1...1e9)
    try check("tokensPerMinute", tokensPerMinute, 1...1e12)
    try check("pricePerMillionTokens", pricePerMillionTokens, 0...1e9)
  }
}
