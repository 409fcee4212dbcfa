/// A binary heap of keys, nearest on top.
struct GraphFrontier {
  private var keys: UnsafeMutablePointer<UInt64>
  private(set) var count = 0
  private var allocated = 256

  init() {
    keys = .allocate(capacity: allocated)
  }

  func deallocate() {
    keys.deallocate()
  }

  mutating func reset() {
    count = 0
  }

  mutating func push(_ key: UInt64) {
    if count == allocated {
      let grown = UnsafeMutablePointer<UInt64>.allocate(capacity: 2 * allocated)
      grown.update(from: keys, count: count)
      keys.deallocate()
      keys = grown
      allocated *= 2
    }
    var hole = count
    count &+= 1
    while hole > 0 {
      let parent = (hole &- 1) >> 1
      if keys[parent] >= key { break }
      keys[hole] = keys[parent]
      hole = parent
    }
    keys[hole] = key
  }

  mutating func pop() -> UInt64? {
    guard count > 0 else { return nil }
    let top = keys[0]
    count &-= 1
    let last = keys[count]
    var hole = 0
    while true {
      var child = 2 &* hole &+ 1
      if child >= count { break }
      if child &+ 1 < count, keys[child &+ 1] > keys[child] { child &+= 1 }
      if keys[child] <= last { break }
      keys[hole] = keys[child]
      hole = child
    }
    keys[hole] = last
    return top
  }
}
