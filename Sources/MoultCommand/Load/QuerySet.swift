internal import MoultFiles
internal import NIOCore

/// Queries from a file, ready to be sent: little-endian float32, row after row.
struct QuerySet: Sendable {
  let dimension: Int
  let count: Int
  /// `count × dimension`, row-major.
  let values: [Float]
  private let buffer: ByteBuffer

  /// - Precondition: `values` is a multiple of `dimension`.
  init(values: [Float], dimension: Int) {
    precondition(dimension > 0 && values.count % dimension == 0, "queries must be rows of \(dimension)")
    self.values = values
    self.dimension = dimension
    count = values.count / dimension
    buffer = Self.encode(values)
  }

  /// The bytes of one query.
  func bytes(of query: Int) -> ByteBuffer { bytes(of: query..<query + 1) }

  /// The bytes of several queries in a row.
  func bytes(of queries: Range<Int>) -> ByteBuffer {
    let rowBytes = dimension * MemoryLayout<Float>.size
    return buffer.getSlice(at: queries.lowerBound * rowBytes, length: queries.count * rowBytes)!
  }

  /// Little-endian float32, whatever the machine's own order is.
  static func encode(_ values: [Float]) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(values.count * MemoryLayout<Float>.size)
    for value in values { buffer.writeInteger(value.bitPattern, endianness: .little) }
    return buffer
  }
}

extension QuerySet {
  /// - Parameter first: use only that many of the file's rows.
  init(path: String, first: Int? = nil) throws {
    let file = try VectorFile(path: path)
    guard file.rowCount > 0 else { throw CommandFailure(.failure, "'\(path)' holds no queries") }
    let rowCount = min(first ?? file.rowCount, file.rowCount)
    self.init(values: try file.readRows(0..<rowCount), dimension: file.dimension)
  }
}
