internal import ArgumentParser
internal import MoultModel

/// A job, named by its number or by the collection that it works on. No name begins with a digit.
enum JobReference: ExpressibleByArgument, Equatable {
  case id(Int64)
  case collection(String)

  static let help: ArgumentHelp =
    "The job's number, or the collection, vector field or alias that it works on."

  init?(argument: String) {
    if let id = Int64(argument) {
      self = .id(id)
    } else if Name.faultOfQualified(FieldName.split(argument)?.collection ?? argument) == nil {
      self = .collection(argument)
    } else {
      return nil
    }
  }

  /// The job's number.
  func resolve(_ client: AdminClient) async throws -> Int64 {
    switch self {
    case .id(let id): id
    case .collection(let name): try Self.job(of: try await client.collectionStatus(name)).job.id
    }
  }

  /// The one job of a collection that has not ended. Upkeep counts where there is nothing else.
  static func job(of status: CollectionStatus) throws -> JobStatus {
    let asked = status.jobs.filter { !$0.job.isUpkeep }
    let jobs = asked.isEmpty ? status.jobs : asked
    guard let job = jobs.first else {
      throw CommandFailure(
        .failure, "'\(status.collection)' has no job that has not ended",
        next: "`moult jobs list --collection \(status.collection)` shows those that have")
    }
    guard jobs.count == 1 else {
      let list = jobs.map { "\($0.job.id) (\($0.job.kind), \($0.job.state.rawValue))" }.joined(
        separator: ", ")
      throw CommandFailure(
        .failure, "'\(status.collection)' has \(jobs.count) jobs that have not ended: \(list)",
        next: "name one of them by its number")
    }
    return job
  }
}
