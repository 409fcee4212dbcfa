internal import HTTPTypes
internal import MoultModel

/// A failure in the words of Qdrant. Clients match the prefix of the message, and some of them the whole text.
struct QdrantError: Error, Equatable {
  var status: HTTPResponse.Status
  /// With the prefix, such as `Not found: `.
  var message: String

  /// 400: a value that cannot be.
  static func wrongInput(_ text: String) -> QdrantError {
    QdrantError(status: .badRequest, message: "Wrong input: \(text)")
  }

  /// 400: a request that cannot be answered.
  static func badRequest(_ text: String) -> QdrantError {
    QdrantError(status: .badRequest, message: "Bad request: \(text)")
  }

  /// 404.
  static func notFound(_ text: String) -> QdrantError {
    QdrantError(status: .notFound, message: "Not found: \(text)")
  }

  /// 409: what is to be made is there.
  static func exists(_ text: String) -> QdrantError {
    QdrantError(status: .conflict, message: "Wrong input: \(text)")
  }

  /// 400: JSON of another shape.
  static func format(_ text: String) -> QdrantError {
    QdrantError(status: .badRequest, message: "Format error in JSON body: \(text)")
  }

  /// 422: JSON of the right shape with values out of range.
  static func validation(_ text: String) -> QdrantError {
    QdrantError(status: .unprocessableContent, message: "Validation error in JSON body: \(text)")
  }
}
