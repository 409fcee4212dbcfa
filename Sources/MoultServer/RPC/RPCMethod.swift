package import NIOCore
internal import NIOHPACK

/// One procedure that is called over gRPC: one message in, one message out.
package struct RPCMethod: Sendable {
  /// `/<package>.<service>/<method>`.
  package let path: String
  package let access: Access
  /// Takes the request's message and gives the answer's.
  package let answer: @Sendable (_ message: ByteBuffer, _ call: RPCCall) async throws -> ByteBuffer

  /// - Parameter access: what the procedure needs.
  package init(
    path: String, _ access: Access,
    answer: @escaping @Sendable (_ message: ByteBuffer, _ call: RPCCall) async throws -> ByteBuffer
  ) {
    self.path = path
    self.access = access
    self.answer = answer
  }
}

/// What came with a call beside its message.
package struct RPCCall: Sendable {
  private let headers: HPACKHeaders

  init(headers: HPACKHeaders) { self.headers = headers }

  /// The first value under this name, which is written in lower case.
  package func metadata(_ name: String) -> String? { headers.first(name: name) }
}
