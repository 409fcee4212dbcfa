/// Why a remote procedure call was not carried out, in the words of gRPC.
///
/// Protocols whose answers carry a status of their own report failures there; this is for what happens before.
package struct RPCError: Error, Equatable {
  /// Status codes of gRPC that a server gives.
  package enum Code: Int, Sendable {
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case unimplemented = 12
    case internalError = 13
    case unavailable = 14
    case unauthenticated = 16
  }

  package var code: Code
  package var message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message as a header's value: bytes other than printable ASCII, and '%', as `%XX`.
  var headerText: String {
    var text = ""
    for byte in message.utf8.prefix(4096) {
      if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
        text.unicodeScalars.append(UnicodeScalar(byte))
      } else {
        text += byte < 16 ? "%0\(String(byte, radix: 16))" : "%\(String(byte, radix: 16))"
      }
    }
    return text
  }
}
