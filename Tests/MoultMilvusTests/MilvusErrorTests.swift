import HTTPTypes
import MoultModel
import Testing

@testable import MoultMilvus

@Suite("MilvusError")
struct MilvusErrorTests {
  @Test(
    "every code of ours has one of theirs, and HTTP says 200 but for few", arguments: MoultError.Code.allCases
  )
  func statuses(code: MoultError.Code) {
    let error = MoultError(code, "what happened").milvusError(MilvusNames(collection: "c", alias: "a"))
    let expected: (code: Int, message: String) =
      switch code {
      case .collectionNotFound: (100, "can't find collection[database=default][collection=c]")
      case .databaseNotFound: (800, "database not found[database=default]")
      case .collectionNotReady: (101, "collection not loaded[collection=c]")
      case .aliasNotFound: (1600, "alias not found[database=default][alias=a]")
      case .nameConflict: (1601, "alias and collection name conflict[database=default][alias=a]")
      case .aliasExists: (1602, "what happened: alias already exist[database=default][alias=a]")
      case .unauthenticated: (1800, "user hasn't authenticated")
      case .permissionDenied: (1401, "privilege not permitted: what happened")
      case .overloaded: (8, "rate limit exceeded: what happened")
      case .tooLarge: (1102, "what happened: parameter too large")
      case .diskFull: (9, "quota exceeded: what happened")
      case .unavailable: (2, "service unavailable: what happened")
      case .corrupted, .unsupportedVersion, .dataDirectoryInUse, .cancelled, .internalError,
        .deadlineExceeded:
        (65535, "what happened")
      default: (1100, "what happened: invalid parameter")
      }
    #expect(error.code == expected.code)
    #expect(error.message == expected.message)
    let status =
      switch code {
      case .unauthenticated: 401
      case .permissionDenied: 403
      case .deadlineExceeded: 408
      case .tooLarge: 413
      case .overloaded: 429
      default: 200
      }
    #expect(error.status.code == status)
  }
}
