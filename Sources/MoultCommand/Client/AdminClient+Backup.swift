internal import AsyncHTTPClient
internal import Foundation
internal import MoultFiles
internal import MoultModel
internal import NIOCore
internal import NIOHTTP1

extension AdminClient {
  /// A backup of a large server over a slow line takes days at worst.
  private static let transferTimeout = TimeAmount.hours(24 * 7)
  private static let answerBytesMax = 1 << 20

  /// Hands on a backup piece by piece, no faster than it is taken.
  ///
  /// - Parameters:
  ///   - names: of collections or aliases; empty for all.
  ///   - take: gets the bytes, and about how many there will be altogether.
  func backup(
    _ names: [String], _ take: (_ bytes: [UInt8], _ total: Int) async throws -> Void
  ) async throws {
    let path = Self.root + "/backup"
    let query = names.isEmpty ? [] : [("collections", names.joined(separator: ","))]
    let response: HTTPClientResponse
    do {
      response = try await http.execute(request(.GET, path, query), timeout: Self.transferTimeout)
    } catch { throw unreachable(error) }
    guard response.status == .ok else {
      throw Self.failure(of: try await answer(response), .GET, path)
    }
    let total = response.headers.first(name: "moult-backup-bytes").flatMap { Int($0) } ?? 0
    var bytes = response.body.makeAsyncIterator()
    while let part = try await next(of: &bytes) {
      try await take(Array(part.readableBytesView), total)
    }
  }

  private func next(of bytes: inout HTTPClientResponse.Body.AsyncIterator) async throws -> ByteBuffer? {
    do { return try await bytes.next() } catch {
      throw CommandFailure(
        .unreachable, "\(url) ended the connection in the midst of the backup: \(error)",
        next: "look at the server's log, then try again; nothing was written under the file's name")
    }
  }

  /// Sends a backup.
  ///
  /// - Parameter progress: is told how many bytes were sent.
  func restore(
    _ file: BackupFileChunks, _ wanted: RestoreRequest
  ) async throws -> RestoreReport {
    let path = Self.root + "/restore"
    var query = [("ifExists", wanted.ifExists.rawValue)]
    if let only = wanted.only { query.append(("only", only)) }
    if let name = wanted.name { query.append(("as", name)) }
    var request = request(.POST, path, query)
    request.headers.add(name: "content-type", value: "application/x-tar")
    // Without a length: a server refuses bodies that announce more than it takes in one piece.
    request.body = .stream(file, length: .unknown)
    let response: HTTPClientResponse
    do { response = try await http.execute(request, timeout: Self.transferTimeout) } catch {
      if let error = error as? MoultError { throw error }
      throw unreachable(error)
    }
    let answer = try await answer(response)
    guard response.status == .ok else { throw Self.failure(of: answer, .POST, path) }
    return try decode(answer)
  }

  private func answer(_ response: HTTPClientResponse) async throws -> Answer {
    do {
      return Answer(
        status: Int(response.status.code), body: try await response.body.collect(upTo: Self.answerBytesMax),
        servedBy: nil)
    } catch { throw unreachable(error) }
  }
}

/// A file in pieces of a megabyte.
struct BackupFileChunks: AsyncSequence, Sendable {
  typealias Element = ByteBuffer

  let path: String
  /// Is told how many bytes have been read, and how many there are.
  let progress: @Sendable (_ done: Int, _ total: Int) -> Void

  struct AsyncIterator: AsyncIteratorProtocol {
    let chunks: BackupFileChunks
    private var opened: BackupInput?
    private var offset = 0

    init(_ chunks: BackupFileChunks) { self.chunks = chunks }

    mutating func next() async throws -> ByteBuffer? {
      if opened == nil { opened = BackupInput(file: try InputFile(path: chunks.path)) }
      let size = opened!.file.size
      let count = Swift.min(1 << 20, size - offset)
      guard count > 0 else { return nil }
      var bytes = [UInt8](repeating: 0, count: count)
      try bytes.withUnsafeMutableBytes { try opened!.file.read(into: $0, at: offset) }
      offset += count
      chunks.progress(offset, size)
      return ByteBuffer(bytes: bytes)
    }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}

/// Lets a file be closed when the last iterator goes.
final class BackupInput: Sendable {
  let file: InputFile

  init(file: consuming InputFile) { self.file = file }
}
