import MoultModel
import MoultTesting
import Testing

@testable import MoultServer

@Suite("One alarm for all requests' deadlines")
struct DeadlineTimerTests {
  @Test("every request is cancelled once its time has run out, whatever order they came in; none before")
  func everyOne() async {
    let timer = DeadlineTimer()
    var random = SeededGenerator(seed: 4)
    // Later ones first, too, so that alarms are overtaken.
    let deadlines = (0..<60).map { _ in Deadline(seconds: Double.random(in: 0...0.3, using: &random)) }
    let (cancelled, source) = AsyncStream.makeStream(of: (place: Int, wasEarly: Bool).self)
    for (place, deadline) in deadlines.enumerated() {
      _ = timer.add(deadline) { source.yield((place, ContinuousClock.now < deadline.instant)) }
    }
    var left = Set(deadlines.indices)
    for await (place, wasEarly) in cancelled {
      #expect(left.remove(place) != nil && !wasEarly, "request \(place)")
      if left.isEmpty { break }
    }
    #expect(timer.count == 0)
  }

  @Test("a request that was answered is not cancelled, and takes no room")
  func removed() async {
    let timer = DeadlineTimer()
    let (cancelled, source) = AsyncStream.makeStream(of: Int.self)
    let numbers = (0..<10).map { place in
      timer.add(Deadline(seconds: 0.05)) { source.yield(place) }
    }
    for number in numbers { timer.remove(number) }
    // Its alarm comes after theirs.
    _ = timer.add(Deadline(seconds: 0.1)) { source.yield(99) }
    let first = await cancelled.first { _ in true }
    #expect(first == 99)
    #expect(timer.count == 0)
  }

  @Test("a far deadline holds no near one up")
  func near() async {
    let timer = DeadlineTimer()
    let far = timer.add(Deadline(seconds: 3_600)) {}
    let (cancelled, source) = AsyncStream.makeStream(of: Int.self)
    _ = timer.add(Deadline(seconds: 0.02)) { source.yield(1) }
    let first = await cancelled.first { _ in true }
    #expect(first == 1)
    #expect(timer.count == 1)
    timer.remove(far)
  }
}
