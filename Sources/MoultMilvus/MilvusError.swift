internal import HTTPTypes
internal import MoultModel

/// A failure in the words of Milvus. Programs test the code, and in the wild also parts of the message.
struct MilvusError: Error, Equatable {
  var code: Int
  var message: String
  /// 200 for nearly all of them: the code says what happened.
  var status = HTTPResponse.Status.ok

  /// The codes of Milvus that Moult has a use for.
  enum Code {
    static let serviceUnavailable = 2
    static let rateLimited = 8
    static let quotaExceeded = 9
    static let collectionNotFound = 100
    static let collectionNotLoaded = 101
    static let collectionLoaded = 104
    static let schemaMismatch = 109
    static let indexNotFound = 700
    static let partitionNotFound = 200
    static let partitionNotLoaded = 201
    static let databaseNotFound = 800
    static let databaseNameInvalid = 802
    static let invalidParameter = 1100
    static let parameterTooLarge = 1102
    static let aliasNotFound = 1600
    static let nameConflict = 1601
    static let aliasExists = 1602
    static let notPermitted = 1401
    static let unauthenticated = 1800
    static let badFormat = 1801
    static let missingParameters = 1802
    static let invalidInsertData = 1804
    static let badPrimaryKey = 1806
    static let importFailed = 2100
    static let unexpected = 65535
  }

  /// 1100: nearly every mistake of a caller.
  static func invalidParameter(_ text: String, expected: String? = nil, actual: String? = nil) -> MilvusError
  {
    let values = expected.map { "[expected=\($0)][actual=\(actual ?? "")]" } ?? ""
    return MilvusError(code: Code.invalidParameter, message: "\(text): invalid parameter\(values)")
  }

  /// 2100.
  static func importing(_ text: String) -> MilvusError {
    MilvusError(code: Code.importFailed, message: "\(text): importing data failed")
  }

  /// 1401 of what nobody may do.
  static func notPermitted(_ text: String) -> MilvusError {
    MilvusError(code: Code.notPermitted, message: "\(text): privilege not permitted")
  }

  /// 1401 of what this caller may not do: HTTP's 403, gRPC's PERMISSION_DENIED.
  static func denied(_ text: String) -> MilvusError {
    MilvusError(code: Code.notPermitted, message: text, status: .forbidden)
  }

  var isDenial: Bool { status == .forbidden }

  /// 1801: the request is no JSON, or a field has the wrong type.
  static func badFormat(_ text: String) -> MilvusError {
    MilvusError(code: Code.badFormat, message: "can only accept json format request, error: \(text)")
  }

  /// 1802.
  static func missing(_ text: String) -> MilvusError {
    MilvusError(code: Code.missingParameters, message: "missing required parameters, error: \(text)")
  }

  /// 1804.
  static func insertData(_ text: String) -> MilvusError {
    MilvusError(code: Code.invalidInsertData, message: "fail to deal the insert data, error: \(text)")
  }

  /// 800.
  static func databaseNotFound(_ name: String) -> MilvusError {
    MilvusError(code: Code.databaseNotFound, message: "database not found[database=\(name)]")
  }

  /// 100 as `describe` says it, and with it all calls that read or write data.
  static func collectionNotFound(_ name: String) -> MilvusError {
    MilvusError(
      code: Code.collectionNotFound,
      message: "can't find collection[database=\(MilvusAPI.database)][collection=\(name)]")
  }
}

extension MoultError {
  /// What Milvus would have answered. A new code of ours stops the build here.
  func milvusError(_ names: MilvusNames) -> MilvusError {
    let database = MilvusAPI.database
    switch code {
    case .databaseNotFound: return .databaseNotFound(database)
    case .invalidArgument, .databaseExists, .databaseNotEmpty, .userNotFound, .userExists, .roleNotFound,
      .roleExists, .roleInUse, .dimensionMismatch, .invalidVector,
      .duplicateID, .pointExists, .collectionExists,
      .collectionHasAliases, .jobNotFound, .jobStateConflict, .switchInProgress, .nothingToRollBack,
      .generationConflict,
      .recallGateFailed, .notProven, .unsupported:
      return .invalidParameter(message)
    case .collectionNotFound: return .collectionNotFound(names.collection)
    case .collectionNotReady:
      return MilvusError(
        code: MilvusError.Code.collectionNotLoaded,
        message: "collection not loaded[collection=\(names.collection)]")
    case .aliasNotFound:
      return MilvusError(
        code: MilvusError.Code.aliasNotFound,
        message: "alias not found[database=\(database)][alias=\(names.alias)]")
    case .aliasExists:
      return MilvusError(
        code: MilvusError.Code.aliasExists,
        message: "\(message): alias already exist[database=\(database)][alias=\(names.alias)]")
    case .nameConflict:
      let name = names.alias.isEmpty ? names.collection : names.alias
      return MilvusError(
        code: MilvusError.Code.nameConflict,
        message: "alias and collection name conflict[database=\(database)][alias=\(name)]")
    case .unauthenticated:
      return MilvusError(
        code: MilvusError.Code.unauthenticated, message: "user hasn't authenticated", status: .unauthorized)
    case .permissionDenied:
      return MilvusError(
        code: MilvusError.Code.notPermitted, message: "privilege not permitted: \(message)",
        status: .forbidden)
    case .overloaded:
      return MilvusError(
        code: MilvusError.Code.rateLimited, message: "rate limit exceeded: \(message)",
        status: .tooManyRequests)
    case .deadlineExceeded:
      return MilvusError(code: MilvusError.Code.unexpected, message: message, status: .requestTimeout)
    case .tooLarge:
      return MilvusError(
        code: MilvusError.Code.parameterTooLarge, message: "\(message): parameter too large",
        status: .contentTooLarge)
    case .diskFull:
      return MilvusError(code: MilvusError.Code.quotaExceeded, message: "quota exceeded: \(message)")
    case .unavailable:
      return MilvusError(
        code: MilvusError.Code.serviceUnavailable, message: "service unavailable: \(message)")
    case .corrupted, .unsupportedVersion, .dataDirectoryInUse, .cancelled, .internalError:
      return MilvusError(code: MilvusError.Code.unexpected, message: message)
    }
  }
}
