/// What an exact search had to do; depends on the number of threads and on their timing, unlike its answer.
package struct ExactReport: Sendable {
  /// Scores computed in double, of all queries.
  package var scored = 0
  /// Queries whose integer bound told too little somewhere, so that rows were scored in float32 as well.
  package var looseQueries = 0
  /// Where a device did the work: how many bits it looked at first, 8, 16 or 32.
  package var deviceBits: Int?

  mutating func add(_ other: ExactReport) {
    scored += other.scored
    looseQueries += other.looseQueries
    deviceBits = deviceBits ?? other.deviceBits
  }
}
