/// Repeats a piece of work until enough time has passed to measure it.
struct Repetition {
  let rounds: Int
  let seconds: Double

  var secondsPerRound: Double { seconds / Double(rounds) }

  /// One round to warm up, then at least one that counts.
  init(secondsMin: Double, _ body: () -> Void) {
    body()
    let clock = ContinuousClock()
    let start = clock.now
    var rounds = 0
    var seconds = 0.0
    repeat {
      body()
      rounds += 1
      seconds = Stopwatch.seconds(from: start, to: clock.now)
    } while seconds < secondsMin
    self.rounds = rounds
    self.seconds = seconds
  }
}
