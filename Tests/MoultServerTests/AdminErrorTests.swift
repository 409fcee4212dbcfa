import HTTPTypes
import MoultModel
import Testing

@testable import MoultServer

@Suite("AdminError")
struct AdminErrorTests {
  @Test("every code has a status of its kind", arguments: MoultError.Code.allCases)
  func statuses(code: MoultError.Code) {
    let status = code.adminStatus
    switch code {
    case .internalError, .corrupted, .unsupportedVersion, .unavailable, .diskFull, .unsupported,
      .deadlineExceeded:
      #expect((500..<600).contains(status.code))
    default: #expect((400..<500).contains(status.code))
    }
  }
}
