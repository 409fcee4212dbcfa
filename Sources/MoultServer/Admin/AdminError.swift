internal import HTTPTypes
internal import MoultModel

extension MoultError.Code {
  /// The status under which the admin API tells of it. A new code stops the build here.
  var adminStatus: HTTPResponse.Status {
    switch self {
    case .invalidArgument, .dimensionMismatch, .invalidVector, .duplicateID: .badRequest
    case .collectionNotFound, .aliasNotFound, .jobNotFound, .databaseNotFound, .userNotFound,
      .roleNotFound:
      .notFound
    case .pointExists, .collectionExists, .collectionNotReady, .aliasExists, .nameConflict,
      .collectionHasAliases, .databaseExists, .databaseNotEmpty, .userExists, .roleExists, .roleInUse,
      .jobStateConflict, .switchInProgress,
      .nothingToRollBack, .generationConflict,
      .recallGateFailed, .notProven,
      .dataDirectoryInUse, .cancelled:
      .conflict
    case .unauthenticated: .unauthorized
    case .permissionDenied: .forbidden
    case .overloaded: .tooManyRequests
    case .deadlineExceeded: .gatewayTimeout
    case .tooLarge: .contentTooLarge
    case .diskFull: .insufficientStorage
    case .unsupported: .notImplemented
    case .unavailable: .serviceUnavailable
    case .corrupted, .unsupportedVersion, .internalError: .internalServerError
    }
  }
}

extension HTTPResponse.Status {
  static let insufficientStorage = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
}
