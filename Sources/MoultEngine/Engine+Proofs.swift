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
    // Who goes back by `moult rollback` has left what took its place: that is no move, and may go. Where the successor is
    // gone or has another name it is what the alias stands for now; where that is nothing, there is nothing to compare.
    let map = aliases.current
    guard let moved, let after = moved.after,
      let successor = map.collection(after) ?? map.aliases[moved.name].flatMap({ map.collection($0) }),
      successor !== collection
    else { return }
    try requireProven(
      successor.comparedFields, inPlaceOf: collection.comparedFields,
      orCopiedTo: (collection.name, successor.name))
  }

  /// - Throws: `notProven` for a field that searches took where they named none, until another one that is not proven.
  func requireProvenSuccessor(ofField part: Collection, of collection: Collection) throws {
    let moved = try resources.directory.read { db in
      try resources.directory.catalog.replacement(
        of: part.schema.vectorField, by: .defaultFieldMoved, named: collection.name, since: part.createdAt,
        in: db)
    }
    guard let moved else { return }
    // Where that one is gone too, what answers now.
    let successor =
      collection.withFields.first { $0.schema.vectorField == moved.after } ?? collection.searched
    try requireProven([successor], inPlaceOf: [part], orCopiedTo: (part.name, successor.name))
  }

  /// - Parameters:
  ///   - new: any of these with any of the old ones is a proof. Without dense vectors there is nothing to compare.
  ///   - names: of what a job may have made one of the other.
  private func requireProven(
    _ new: [Collection], inPlaceOf old: [Collection], orCopiedTo names: (String, String)
  ) throws {
    guard let newName = new.first?.nameOfField, let oldName = old.first?.nameOfField else { return }
    let pairs = old.flatMap { old in new.map { (old: old, new: $0) } }
    let verdicts = try resources.directory.read { db in
      try pairs.compactMap { pair in
        // Of a form that either had before it says nothing.
        let since = [pair.old, pair.new].map { max($0.createdAt, $0.snapshot.live.publishedAt ?? 0) }.max()!
        return try resources.directory.catalog.comparison(
          of: pair.old.name, with: pair.new.name, since: since, in: db)
      }
    }
    let verdict = verdicts.max { $0.id < $1.id }
    if verdict?.action == .comparisonPassed { return }
    let madeAt = pairs.map { max($0.old.createdAt, $0.new.createdAt) }.min() ?? 0
    if verdict == nil, try hasCopied(names.0, names.1, since: madeAt) { return }
    let found =
      verdict.map { "their last comparison has failed (\($0.detail ?? ""))" }
      ?? "there is none of the forms that both have now"
    throw MoultError(
      .notProven,
      "'\(newName)' answers in place of '\(oldName)', which stays until a comparison of both has passed; "
        + "\(found). Compare them (`moult compare \(oldName) \(newName)` with --min-overlap or --max-loss), "
        + "or drop it with --force")
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

extension Collection {
  /// What a comparison with another collection can be about: what searches take where they name no field, and any of the
  /// dense ones where each has to be named.
  fileprivate var comparedFields: [Collection] { searched.hasPlaceholder ? fields : [searched] }
}
