internal import HTTPTypes
internal import Hummingbird
internal import MoultEngine
internal import MoultModel
internal import MoultServer
internal import NIOCore

extension QdrantAPI {
  /// Of one collection, and of everything. What waits and what does not are the same: an answer comes when all is done.
  func addSnapshotRoutes(to group: GuardedRoutes) {
    for (path, isOfCollection) in [("collections/{name}/snapshots", true), ("snapshots", false)] {
      let name: @Sendable (QdrantCall) throws -> String? = { isOfCollection ? try $0.path("name") : nil }
      route(.get, path, .read, to: group) { call in
        let snapshots = try await operations.snapshots(of: try name(call))
        return call.answer { json in
          json.beginArray()
          for snapshot in snapshots { snapshot.write(to: &json) }
          json.endArray()
        }
      }
      route(.post, path, .write, to: group) { call in
        let snapshot = try await operations.createSnapshot(of: try name(call))
        return call.answer { snapshot.write(to: &$0) }
      }
      route(.delete, path + "/{snapshot}", .write, to: group) { call in
        try await operations.deleteSnapshot(try call.path("snapshot"), of: try name(call))
        return call.answer(true)
      }
      stream(.get, path + "/{snapshot}", .read, to: group) { call, _ in
        let chunks = try await operations.snapshot(try call.path("snapshot"), of: try name(call))
        return Response(
          status: .ok,
          headers: [
            .contentType: "application/octet-stream",
            .contentDisposition: "attachment; filename=\"\(chunks.backup.name)\"",
          ],
          body: ResponseBody(contentLength: chunks.backup.bytes) { writer in
            for try await bytes in chunks { try await writer.write(ByteBuffer(bytes: bytes)) }
            try await writer.finish(nil)
          })
      }
    }
    route(.put, "collections/{name}/snapshots/recover", .write, to: group, need: .management) { call in
      try await operations.recover(try call.path("name"), try call.object())
      return call.answer(true)
    }
    stream(.post, "collections/{name}/snapshots/upload", .write, to: group, need: .management) {
      call, request in
      guard let boundary = MultipartForm.boundary(request.headers[.contentType] ?? "") else {
        throw QdrantError.badRequest("expected a form (multipart/form-data) with the file `snapshot`")
      }
      let file = MultipartFile(
        body: request.body.map { Array($0.readableBytesView) }, boundary: boundary, name: "snapshot",
        checksum: call.query("checksum"))
      try await operations.recover(try call.path("name"), from: file)
      return call.answer(true)
    }
  }

  /// A route whose body or answer is of any length, and comes and goes piece by piece.
  private func stream(
    _ method: HTTPRequest.Method, _ path: String, _ access: Access, to group: GuardedRoutes,
    need: QdrantNeed? = nil, answer: @escaping @Sendable (QdrantCall, Request) async throws -> Response
  ) {
    let need = need ?? QdrantNeed(path, access)
    group.on(method, path, access, streams: true) { [operations] request, context in
      let call = QdrantCall(source: .http(request, context), body: ByteBuffer(), start: .now)
      do {
        try await operations.authorize(need) { try call.path("name") }
        return try await answer(call, request)
      } catch let error as QdrantError {
        return QdrantAnswer.failure(error, since: call.start)
      } catch let error as MoultError where error.code != .internalError && error.code != .corrupted {
        return QdrantAnswer.failure(QdrantError(error), since: call.start)
      }
    }
  }
}
