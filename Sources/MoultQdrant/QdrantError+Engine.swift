internal import HTTPTypes
internal import MoultModel

extension QdrantError {
  /// A failure of the engine in Qdrant's words.
  init(_ error: MoultError) {
    let (status, prefix): (HTTPResponse.Status, String) =
      switch error.code {
      case .invalidArgument, .dimensionMismatch, .invalidVector, .duplicateID, .nameConflict,
        .collectionHasAliases,
        .databaseNotEmpty, .roleInUse, .nothingToRollBack, .tooLarge:
        (.badRequest, "Wrong input: ")
      case .unsupported: (.badRequest, "Bad request: ")
      case .pointExists, .collectionExists, .aliasExists, .databaseExists, .userExists, .roleExists:
        (.conflict, "Wrong input: ")
      case .collectionNotFound, .aliasNotFound, .databaseNotFound, .userNotFound, .roleNotFound, .jobNotFound:
        (.notFound, "Not found: ")
      case .collectionNotReady, .unavailable, .switchInProgress, .dataDirectoryInUse:
        (.serviceUnavailable, "Service unavailable: ")
      case .jobStateConflict, .generationConflict, .notProven: (.conflict, "Bad request: ")
      case .unauthenticated: (.unauthorized, "Unauthorized: ")
      case .permissionDenied: (.forbidden, "Forbidden: ")
      case .overloaded: (.tooManyRequests, "Rate limiting exceeded: ")
      case .deadlineExceeded, .cancelled: (.requestTimeout, "Timeout error: ")
      case .diskFull: (Self.insufficientStorage, "Service internal error: No space left on device: ")
      case .recallGateFailed, .corrupted, .unsupportedVersion, .internalError:
        (.internalServerError, "Service internal error: ")
      }
    self.init(status: status, message: prefix + error.message)
  }

  private static let insufficientStorage = HTTPResponse.Status(
    code: 507, reasonPhrase: "Insufficient Storage")
}
