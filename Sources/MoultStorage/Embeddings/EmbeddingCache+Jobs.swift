import Foundation
import GRDB
import Synchronization

/// What is kept of jobs beside their vectors.
extension EmbeddingCache {
  /// What a job has asked its model for so far, over all its attempts.
  package struct Spent: Sendable, Equatable {
    package var texts: Int64
    package var requests: Int64
    package var tokens: Int64
    /// Of all requests together.
    package var seconds: Double

    package init(texts: Int64 = 0, requests: Int64 = 0, tokens: Int64 = 0, seconds: Double = 0) {
      self.texts = texts
      self.requests = requests
      self.tokens = tokens
      self.seconds = seconds
    }

    package static func + (one: Spent, other: Spent) -> Spent {
      Spent(
        texts: one.texts &+ other.texts, requests: one.requests &+ other.requests,
        tokens: one.tokens &+ other.tokens, seconds: one.seconds + other.seconds)
    }

    package static func += (one: inout Spent, other: Spent) { one = one + other }
  }

  package func spent(by job: Int64) async throws -> Spent {
    // Where places get into the database, so that nothing is between both.
    try await writing { [self] db in
      let folded =
        try Row.fetchOne(db, sql: "SELECT * FROM spent WHERE job = ?", arguments: [job]).map {
          Spent(texts: $0["texts"], requests: $0["requests"], tokens: $0["tokens"], seconds: $0["seconds"])
        } ?? Spent()
      return folded + (state.withLock { $0.unfolded.spent[job] } ?? Spent())
    }
  }

  /// Lets the refusals of a job go that has ended.
  package func forgetRefusals(of job: Int64) async throws {
    try await writing { db in
      try db.execute(sql: "DELETE FROM refusals WHERE job = ?", arguments: [job])
    }
  }

  /// Maps between the models of a job: a report, and two transforms as bytes.
  package struct Bridge: Sendable, Equatable {
    package var report: [UInt8]
    package var queries: [UInt8]
    package var documents: [UInt8]

    package init(report: [UInt8], queries: [UInt8], documents: [UInt8]) {
      self.report = report
      self.queries = queries
      self.documents = documents
    }
  }

  package func bridge(of job: Int64) throws -> Bridge? {
    try reading { db in
      try Row.fetchOne(db, sql: "SELECT * FROM bridges WHERE job = ?", arguments: [job]).map { row in
        let (report, queries, documents): (String, Data, Data) = (
          row["report"], row["queries"], row["documents"]
        )
        return Bridge(report: Array(report.utf8), queries: Array(queries), documents: Array(documents))
      }
    }
  }

  package func store(_ bridge: Bridge, of job: Int64) async throws {
    try await writing { db in
      try db.execute(
        sql: "INSERT OR REPLACE INTO bridges (job, report, queries, documents) VALUES (?, ?, ?, ?)",
        arguments: [
          job, String(decoding: bridge.report, as: UTF8.self), Data(bridge.queries), Data(bridge.documents),
        ])
    }
  }

  package func dropBridge(of job: Int64) async throws {
    try await writing { db in
      try db.execute(sql: "DELETE FROM bridges WHERE job = ?", arguments: [job])
    }
  }
}
