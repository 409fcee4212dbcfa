import Foundation

/// Makes damaged, hostile and nearly right inputs from sound ones: what libFuzzer does, without its feedback.
public struct ByteFuzzer {
  public private(set) var random: SeededGenerator
  private let corpus: [[UInt8]]
  /// Words of the format, spliced in.
  private let words: [[UInt8]]

  /// - Parameters:
  ///   - corpus: sound inputs, at least one.
  ///   - words: keywords, magic numbers.
  public init(seed: UInt64, corpus: [[UInt8]], words: [String] = []) {
    random = SeededGenerator(seed: seed)
    self.corpus = corpus
    self.words = words.map { Array($0.utf8) }
  }

  /// The next input: a sound one with one to eight changes, or now and then plain noise.
  public mutating func next() -> [UInt8] {
    if Int.random(in: 0..<32, using: &random) == 0 {
      return random.bytes(count: Int.random(in: 0..<300, using: &random))
    }
    var bytes = corpus.randomElement(using: &random)!
    for _ in 0..<Int.random(in: 1...8, using: &random) { change(&bytes) }
    return bytes
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    let place = bytes.isEmpty ? 0 : Int.random(in: 0..<bytes.count, using: &random)
    let length = Int.random(in: 0...min(64, bytes.count - place), using: &random)
    switch Int.random(in: 0..<9, using: &random) {
    case 0 where !bytes.isEmpty: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1 where !bytes.isEmpty: bytes[place] = UInt8.random(in: 0...255, using: &random)
    case 2: bytes.removeSubrange(place..<place + length)
    case 3: bytes.removeLast(bytes.count - place)
    case 4: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
    case 5: bytes.insert(contentsOf: random.bytes(count: length), at: place)
    case 6:
      // A number at the edge of what fits, of 1, 2, 4 or 8 bytes.
      let edges: [UInt64] = [0, 1, 0x7F, 0xFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 62, .max >> 1, .max]
      let number = edges.randomElement(using: &random)!
      let width = min([1, 2, 4, 8].randomElement(using: &random)!, bytes.count - place)
      for index in 0..<width { bytes[place + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index)) }
    case 7 where !words.isEmpty: bytes.insert(contentsOf: words.randomElement(using: &random)!, at: place)
    default:
      let other = corpus.randomElement(using: &random)!
      let start = other.isEmpty ? 0 : Int.random(in: 0..<other.count, using: &random)
      let end = min(other.count, start + length)
      bytes.replaceSubrange(place..<min(bytes.count, place + end - start), with: other[start..<end])
    }
  }
}

/// What came of fuzzing one parser. A trap would have ended the process.
public struct FuzzOutcome: Sendable {
  public var inputs = 0
  public var accepted = 0
  /// Inputs that took longer than allowed, or ended in an error that is not the parser's own.
  public var faults: [String] = []

  /// Longer than any input may take, of the thread's own time: others may be using the machine.
  public static let secondsMax = 1.0

  /// Seconds for each parser: `MOULT_FUZZ_SECONDS`, or a share of the hour that a full soak gives each.
  public static var seconds: Double {
    environmentSeconds ?? Scale.seconds(1.5, soak: 3_600)
  }

  /// - Parameters:
  ///   - inputsMin: tried however long it takes: a busy machine must not pass for a thorough test.
  ///   - isExpected: whether an error is one that the parser may throw.
  ///   - parse: the parser; returns or throws.
  public static func run(
    _ fuzzer: ByteFuzzer, seconds: Double = FuzzOutcome.seconds, inputsMin: Int = 200,
    isExpected: (any Error) -> Bool, parse: ([UInt8]) throws -> Void
  ) -> FuzzOutcome {
    var fuzzer = fuzzer
    var outcome = FuzzOutcome()
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    while clock.now < end || outcome.inputs < inputsMin {
      let input = fuzzer.next()
      let start = processorSeconds()
      var failure: (any Error)?
      do {
        try parse(input)
        outcome.accepted += 1
      } catch { failure = error }
      outcome.inputs += 1
      let note = "input \(outcome.inputs) of seed \(fuzzer.random.seed), \(input.count) bytes"
      if let failure, !isExpected(failure) { outcome.faults.append("\(note): \(failure)") }
      let taken = processorSeconds() - start
      if taken > secondsMax { outcome.faults.append("\(note): took \(taken) s") }
    }
    return outcome
  }
}

extension FuzzOutcome {
  private static let environmentSeconds = ProcessInfo.processInfo.environment["MOULT_FUZZ_SECONDS"].flatMap {
    Double($0)
  }
}

extension FuzzOutcome {
  /// Time that this thread has been running on a processor.
  public static func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
