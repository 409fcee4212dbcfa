package import MoultModel
package import NIOCore
internal import NIOHPACK

/// One procedure that is called over gRPC: one message in, one message out.
package struct RPCMethod: Sendable {
  /// `/<package>.<service>/<method>`.
  package let path: String
  package let access: Access
  /// Whether it looks at the privileges of users itself; otherwise it is for users of the role `admin`.
  package let checksUsers: Bool
  /// The answer's message that tells of a refusal before the procedure was begun, for protocols whose clients look
  /// there; `nil` leaves it to gRPC's own status.
  package let refusal: @Sendable (MoultError) throws -> ByteBuffer?
  /// Takes the request's message and gives the answer's.
  package let answer: @Sendable (_ message: ByteBuffer, _ call: RPCCall) async throws -> ByteBuffer

  /// - Parameters:
  ///   - access: what the procedure does. One that writes is not cancelled once it has begun.
  ///   - refusal: see the property.
  package init(
    path: String, _ access: Access, checksUsers: Bool = false,
    refusal: @escaping @Sendable (MoultError) throws -> ByteBuffer? = { _ in nil },
    answer: @escaping @Sendable (_ message: ByteBuffer, _ call: RPCCall) async throws -> ByteBuffer
  ) {
    self.path = path
    self.access = access
    self.checksUsers = checksUsers
    self.refusal = refusal
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
