internal import Foundation
internal import MoultModel

/// What users ask for in JSON, leniently: what is missing takes its default, what is unknown is refused.
extension RequestFields {
  /// `{"quantization", "bits", "quantile", "dimensions", "transform", "index", "oversampling",
  /// "targetRecall"}`.
  ///
  /// - Parameter index: taken where none is named.
  func encodingSpecification(
    _ name: String, index: IndexSpecification = .flat
  ) throws(MoultError) -> EncodingSpecification? {
    guard let fields = try fields(name) else { return nil }
    try fields.refuseOthers(
      than: [
        "quantization", "bits", "quantile", "dimensions", "transform", "index", "oversampling",
        "targetRecall",
      ])
    return EncodingSpecification(
      quantization: try fields.word("quantization", Quantization.self) ?? .none,
      bits: try fields.double("bits"),
      quantile: try fields.double("quantile"),
      dimensions: try fields.int("dimensions"),
      transform: try fields.word("transform", Transform.self),
      index: try fields.indexSpecification("index") ?? index,
      oversampling: try fields.double("oversampling"),
      targetRecall: try fields.double("targetRecall"))
  }

  /// `"flat"`, `"hnsw"`, `"ivf"` or `"auto"`, or an object with one of these names: `{"hnsw": {"m", "efConstruction"}}`,
  /// `{"ivf": {"lists"}}`, the others `{}`.
  private func indexSpecification(_ name: String) throws(MoultError) -> IndexSpecification? {
    let expected =
      "'flat', 'hnsw', 'ivf', 'auto', {\"hnsw\": {\"m\": …, \"efConstruction\": …}} or {\"ivf\": {\"lists\": …}}"
    switch self[name] {
    case nil: return nil
    case .string("flat"): return .flat
    case .string("hnsw"): return .defaultHNSW
    case .string("ivf"): return .defaultIVF
    case .string("auto"): return .automatic
    case .string(let text): throw failure(name, "expected \(expected), got '\(text.prefix(100))'")
    case .object:
      guard let index = try fields(name) else { return nil }
      try index.refuseOthers(than: ["flat", "hnsw", "ivf", "auto"])
      guard index.object.members.count == 1 else {
        throw failure(name, "expected \(expected), got \(index.object.members.count) members")
      }
      if let hnsw = try index.fields("hnsw") {
        try hnsw.refuseOthers(than: ["m", "efConstruction"])
        guard case .hnsw(let m, let efConstruction) = IndexSpecification.defaultHNSW else { return nil }
        return .hnsw(
          m: try hnsw.int("m") ?? m, efConstruction: try hnsw.int("efConstruction") ?? efConstruction)
      }
      if let ivf = try index.fields("ivf") {
        try ivf.refuseOthers(than: ["lists"])
        return .ivf(lists: try ivf.int("lists"))
      }
      for plain in [IndexSpecification.flat, .automatic] {
        guard let empty = try index.fields(plain.name) else { continue }
        try empty.refuseOthers(than: [])
        return plain
      }
      throw failure(name, "expected \(expected), got null")
    case let other?: throw mismatch(name, expected: expected, other)
    }
  }

  /// Milliseconds since 1970, or `"manual"`: until a person releases the job.
  func moment(_ name: String) throws(MoultError) -> Int64? {
    switch self[name] {
    case nil: return nil
    case .string("manual"): return JobInfo.untilReleased
    case let json?:
      guard let value = json.int.flatMap({ Int64(exactly: $0) }) else {
        throw mismatch(name, expected: "milliseconds since 1970 or 'manual'", json)
      }
      return value
    }
  }

  /// `{"minimumRecall", "maximumLoss", "k", "queries"}`.
  func recallGate(_ name: String) throws(MoultError) -> RecallGateRequest {
    guard let fields = try fields(name) else { return RecallGateRequest() }
    try fields.refuseOthers(than: ["minimumRecall", "maximumLoss", "k", "queries"])
    var gate = RecallGateRequest()
    if let minimumRecall = try fields.double("minimumRecall") { gate.minimumRecall = minimumRecall }
    gate.maximumLoss = try fields.double("maximumLoss")
    if let k = try fields.int("k") { gate.k = k }
    if let queries = try fields.vectors("queries") {
      gate.queries = queries.values
      gate.dimension = queries.dimension
    }
    return gate
  }

  /// `{"rowsPerSecond", "maximumP99Rise", "memoryBytes"}`.
  func jobLimits(_ name: String) throws(MoultError) -> JobLimits {
    guard let fields = try fields(name) else { return JobLimits() }
    try fields.refuseOthers(than: ["rowsPerSecond", "maximumP99Rise", "memoryBytes"])
    return JobLimits(
      rowsPerSecond: try fields.double("rowsPerSecond"), maximumP99Rise: try fields.double("maximumP99Rise"),
      memoryBytes: try fields.int("memoryBytes"))
  }

  /// The same three members, each a new value or `"none"`; what is missing stays as it is.
  func jobLimitsChange() throws(MoultError) -> JobLimitsChange {
    try refuseOthers(than: ["rowsPerSecond", "maximumP99Rise", "memoryBytes"])
    let change = JobLimitsChange(
      rowsPerSecond: try change("rowsPerSecond") { (fields, name) throws(MoultError) in
        try fields.double(name)
      },
      maximumP99Rise: try change("maximumP99Rise") { (fields, name) throws(MoultError) in
        try fields.double(name)
      },
      memoryBytes: try change("memoryBytes") { (fields, name) throws(MoultError) in try fields.int(name) })
    guard !change.isEmpty else {
      throw MoultError(
        .invalidArgument,
        "give at least one of 'rowsPerSecond', 'maximumP99Rise' and 'memoryBytes', each a number or \"none\"")
    }
    return change
  }

  private func change<Value>(
    _ name: String, _ read: (RequestFields, String) throws(MoultError) -> Value?
  ) throws(MoultError) -> Value?? {
    if self[name] == nil { return nil }
    if self[name] == .string("none") { return .some(nil) }
    return .some(try read(self, name))
  }

  /// Texts; `nil` where the member is missing.
  func strings(_ name: String) throws(MoultError) -> [String]? {
    guard let elements = try array(name) else { return nil }
    var strings: [String] = []
    for (index, element) in elements.enumerated() {
      guard let string = element.string else {
        throw mismatch("\(name)[\(index)]", expected: "a string", element)
      }
      strings.append(string)
    }
    return strings
  }

  /// Numbers of jobs; none where the member is missing.
  func jobs(_ name: String) throws(MoultError) -> [Int64] {
    guard let elements = try array(name) else { return [] }
    var jobs: [Int64] = []
    for (index, element) in elements.enumerated() {
      guard let job = element.int.flatMap({ Int64(exactly: $0) }) else {
        throw mismatch("\(name)[\(index)]", expected: "the number of a job", element)
      }
      jobs.append(job)
    }
    return jobs
  }

  /// Vectors of one length: `[[…], …]`, or `{"dimension", "base64"}` with little-endian float32.
  func vectors(_ name: String) throws(MoultError) -> (values: [Float], dimension: Int)? {
    switch self[name] {
    case nil: return nil
    case .array(let rows):
      guard let first = rows.first else { return ([], 0) }
      var values: [Float] = []
      let dimension = first.floats?.count ?? 0
      values.reserveCapacity(rows.count * dimension)
      for (index, row) in rows.enumerated() {
        guard let row = row.floats else {
          throw mismatch("\(name)[\(index)]", expected: "an array of numbers", row)
        }
        guard row.count == dimension else {
          throw MoultError(
            .dimensionMismatch,
            failure(
              "\(name)[\(index)]", "expected \(dimension) numbers as in the first one, got \(row.count)"
            ).message)
        }
        values.append(contentsOf: row)
      }
      return (values, dimension)
    case .object:
      guard let fields = try fields(name) else { return nil }
      try fields.refuseOthers(than: ["dimension", "base64"])
      guard let dimension = try fields.int("dimension") else {
        throw fields.missing("dimension", expected: "an integer")
      }
      guard CollectionSchema.dimensionRange.contains(dimension) else {
        throw fields.failure(
          "dimension", "expected 1 … \(CollectionSchema.dimensionRange.upperBound), got \(dimension)")
      }
      guard let data = Data(base64Encoded: try fields.requiredString("base64")) else {
        throw fields.failure("base64", "expected base64 (RFC 4648, with padding)")
      }
      guard let values = LittleEndianFloats.decode(data, dimension: dimension) else {
        throw fields.failure(
          "base64", "expected a multiple of \(dimension) × 4 bytes of float32, got \(data.count) bytes")
      }
      return (values, dimension)
    case let other?: throw mismatch(name, expected: "an array of vectors", other)
    }
  }
}

enum LittleEndianFloats {
  /// - Returns: `nil` unless the bytes are whole rows.
  static func decode(_ bytes: some Collection<UInt8>, dimension: Int) -> [Float]? {
    guard bytes.count % (4 * dimension) == 0 else { return nil }
    return [Float](unsafeUninitializedCapacity: bytes.count / 4) { floats, count in
      UnsafeMutableRawBufferPointer(floats).copyBytes(from: bytes)
      for index in floats.indices {
        floats[index] = Float(bitPattern: UInt32(littleEndian: floats[index].bitPattern))
      }
      count = bytes.count / 4
    }
  }
}
