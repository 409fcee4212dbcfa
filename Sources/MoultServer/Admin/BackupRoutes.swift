internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import MoultEngine
internal import MoultModel
internal import NIOCore

extension AdminAPI {
  static let backupMediaType = "application/x-tar"
  /// Takes a body of any length.
  static let restorePath = "/moult/v1/restore"

  func addBackupRoutes(to group: GuardedRoutes) {
    group.on(.get, "backup", .read, streams: true) { request, context in
      let parameters = try QueryParameters(request, known: ["collections"])
      let names = parameters.string("collections")?.split(separator: ",").map(String.init) ?? []
      let backup = try await engine.startBackup(of: names)
      let logger = context.logger
      return Response(
        status: .ok,
        headers: [.contentType: Self.backupMediaType, .moultBackupBytes: String(backup.fileBytes)],
        body: ResponseBody { writer in
          // What is taken slowly is read slowly: a write waits until there is room.
          while true {
            let bytes: [UInt8]?
            do { bytes = try await backup.next() } catch {
              logger.error("a backup ended half-way: \(error)")
              try await writer.write(ByteBuffer(bytes: RunningBackup.ending(error)))
              break
            }
            guard let bytes else { break }
            try await writer.write(ByteBuffer(bytes: bytes))
          }
          try await writer.finish(nil)
        })
    }
    group.on(.post, "restore", .write, streams: true) { request, _ in
      let parameters = try QueryParameters(request, known: ["only", "as", "ifExists"])
      let wanted = RestoreRequest(
        only: parameters.string("only"), name: parameters.string("as"),
        ifExists: try parameters.word("ifExists", RestoreRequest.Present.self) ?? .fail)
      let chunks = request.body.map { Array($0.readableBytesView) }
      return try Self.answer(try await engine.restore(chunks, wanted))
    }
  }
}

extension HTTPField.Name {
  /// About how many bytes of a backup come.
  static let moultBackupBytes = HTTPField.Name("moult-backup-bytes")!
}
