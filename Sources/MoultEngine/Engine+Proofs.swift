import Foundation
import MoultJobs
import MoultModel
import MoultStorage

// What was replaced stays until what took its place is proven: by a comparison that was to pass or fail, or by the job that
// made one of the other and has passed its own gates.
extension Engine {
  /// - Throws: `notProven` for a collection whose last reindex or re-embedding has failed, and for one that an alias was
  ///   moved away from to what is not proven.
  func requireProvenSuccessor(of collection: Collection) throws {
    let copies = try resources.queue.list(subject: collection.name, limit: 1_000).filter {
      ReindexJob.kinds.contains($0.kind)
        && $0.createdAt.timeIntervalSince1970 * 1_000 >= Double(collection.createdAt)
    }
    if let last = copies.max(by: { $0.id < $1.id }), last.state == .failed {
      throw MoultError(
        .notProven,
        "the last \(last.kind) of '\(collection.name)' (job \(last.id)) has failed, so nothing is proven to take its place: "
          + "\(last.error ?? ""). Run it again, or drop the collection with --force")
    }
    let moved = try resources.directory.read { db in
      try resources.directory.catalog.replacement(
        of: collection.name, by: .aliasMoved, since: collection.createdAt, in: db)
    }
    // Who goes back by `moult rollback` has left what took its place: that is no move, and may go.
    if let successor = moved?.after { try requireProven(successor, inPlaceOf: collection) }
  }

  /// - Throws: `notProven` for a field that searches took where they named none, until another one that is not proven.
  func requireProvenSuccessor(ofField part: Collection, of collection: Collection) throws {
    let moved = try resources.directory.read { db in
      try resources.directory.catalog.replacement(
        of: part.schema.vectorField, by: .defaultFieldMoved, named: collection.name, since: part.createdAt,
        in: db)
    }
    guard let successor = moved?.after else { return }
    try requireProven(FieldName.joined(collection.name, successor), inPlaceOf: part)
  }

  private func requireProven(_ name: String, inPlaceOf old: Collection) throws {
    let new = aliases.current.collection(name)
    // The first field of a collection has its name.
    let successor = new?.name ?? name
    let pair = [old, new].compactMap { $0 }
    // Of a form that either had before it says nothing.
    let since = pair.map { max($0.createdAt, $0.snapshot.live.publishedAt ?? 0) }.max() ?? 0
    let verdict = try resources.directory.read { db in
      try resources.directory.catalog.comparison(of: old.name, with: successor, since: since, in: db)
    }
    if verdict?.action == .comparisonPassed { return }
    let madeAt = pair.map(\.createdAt).max() ?? 0
    if verdict == nil, try hasCopied(old.name, successor, since: madeAt) { return }
    let found =
      verdict.map { "their last comparison has failed (\($0.detail ?? ""))" }
      ?? "there is none of the forms that both have now"
    throw MoultError(
      .notProven,
      "'\(successor)' answers in place of '\(old.name)', which stays until a comparison of both has passed; \(found). "
        + "Compare them (`moult compare \(old.name) \(successor)` with --min-overlap or --max-loss), or drop it with "
        + "--force")
  }

  /// Whether a reindex or re-embedding has made one of the other, and so has passed its gates.
  private func hasCopied(_ one: String, _ other: String, since: Int64) throws -> Bool {
    try [(one, other), (other, one)].contains { source, target in
      try resources.queue.list(state: .completed, subject: source, limit: 1_000).contains { job in
        guard ReindexJob.kinds.contains(job.kind), let finishedAt = job.finishedAt,
          finishedAt.timeIntervalSince1970 * 1_000 >= Double(since)
        else { return false }
        let arguments = try? JSONDecoder().decode(ReindexJob.Arguments.self, from: job.arguments)
        return arguments?.target == target
      }
    }
  }
}
