import Foundation
import MoultModel
import MoultStorageTesting
import MoultTesting
import Testing

@testable import MoultStorage

/// Beside a dictionary that does the same.
@Suite("Cache of embeddings")
struct EmbeddingCacheTests {
  private typealias Key = EmbeddingCache.Key
  private typealias Spent = EmbeddingCache.Spent

  private static func key(_ number: Int) -> Key {
    // In no order.
    let mixed = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
    return Key(high: mixed, low: ~mixed)
  }

  private static func logs(in directory: TemporaryDirectory) throws -> [String] {
    let folder = "\(directory.path)/embeddings"
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { "\(folder)/\($0)" }
  }

  @Test("has what it was given, folded or not, also after its process was killed", arguments: 1...4)
  func model(seed: Int) async throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let temporary = TemporaryDirectory()
    let directory = try DataDirectory(path: temporary.path)
    defer { directory.close() }
    // One that is not closed is as good as one whose process was killed: it has nothing left to write.
    var killed: [EmbeddingCache] = []
    var cache = try EmbeddingCache(in: directory, placesPerFold: 50)
    var known: [Int: [Float]] = [:]
    var refused: [Int: String] = [:]
    var spent = Spent()
    for _ in 0..<60 {
      switch Int.random(in: 0..<9, using: &random) {
      case 0: try await cache.fold()
      case 1:
        killed.append(cache)
        cache = try EmbeddingCache(in: directory, placesPerFold: 50)
      case 2:
        cache.close()
        cache = try EmbeddingCache(in: directory, placesPerFold: 50)
      case 3: try await cache.settle()
      default:
        var entries: [(key: Key, entry: EmbeddingCache.Entry)] = []
        for _ in 0..<Int.random(in: 0...40, using: &random) {
          let number = Int.random(in: 0..<600, using: &random)
          if number % 50 == 7 {
            entries.append((Self.key(number), .refused("no \(number)")))
            refused[number] = "no \(number)"
          } else {
            let vector = random.floats(count: 8)
            entries.append((Self.key(number), .vector(vector)))
            known[number] = vector
          }
        }
        let paid = Spent(texts: Int64(entries.count), requests: 1, tokens: 7, seconds: 0.5)
        try await cache.store(entries, job: 3, spent: paid)
        spent += paid
      }
      #expect(try await cache.spent(by: 3) == spent)
      let keys = (0..<600).map(Self.key)
      let found = try cache.entries(of: keys, dimension: 8, job: 3)
      let expected = (0..<600).map { number -> EmbeddingCache.Entry? in
        known[number].map { .vector($0) } ?? refused[number].map { .refused($0) }
      }
      #expect(found == expected)
      #expect(try cache.known(keys, dimension: 8, job: 3) == expected.map { $0 != nil })
      // Another job asks again for what one was refused, and another dimension is another vector.
      #expect(try cache.known(keys, dimension: 8, job: 4) == (0..<600).map { known[$0] != nil })
      #expect(try cache.entries(of: keys, dimension: 9, job: 4).allSatisfy { $0 == nil })
    }
    cache.close()
    for killed in killed { killed.close() }
  }

  @Test("a log that was cut anywhere gives all entries that are whole, and takes more")
  func tornLog() async throws {
    var random = SeededGenerator(seed: 5)
    let temporary = TemporaryDirectory()
    let directory = try DataDirectory(path: temporary.path)
    defer { directory.close() }
    var ends: [Int] = []
    do {
      // None is closed here: that would tell the database of what is stored, and a crash does not.
      let cache = try EmbeddingCache(in: directory)
      for number in 0..<3 {
        let entries = (0..<4).map {
          (key: Self.key(number * 4 + $0), entry: EmbeddingCache.Entry.vector(random.floats(count: 2)))
        }
        try await cache.store(entries, job: 1, spent: Spent(texts: 4, requests: 1))
        ends.append(
          try FileManager.default.contents(atPath: #require(Self.logs(in: temporary).first))!.count)
      }
    }
    let log = try #require(Self.logs(in: temporary).first)
    let whole = try Data(contentsOf: URL(fileURLWithPath: log))
    for cut in stride(from: whole.count, through: 0, by: -1) {
      var bytes = whole.prefix(cut)
      // What a power loss leaves: the right length, and nothing in it.
      if cut % 2 == 0 {
        bytes = (cut < 16 ? Data() : bytes) + Data(count: whole.count - (cut < 16 ? 0 : cut))
      }
      try bytes.write(to: URL(fileURLWithPath: log))
      let cache = try EmbeddingCache(in: directory)
      let count = ends.count { $0 <= cut }
      #expect(
        try cache.known((0..<12).map(Self.key), dimension: 2, job: 1)
          == (0..<12).map { $0 < count * 4 }, "\(cut) bytes")
      #expect(try await cache.spent(by: 1).requests == Int64(count))
      try await cache.store([(Self.key(99), .vector([1, 2]))], job: 1)
      #expect(try cache.entries(of: [Self.key(99)], dimension: 2, job: 1) == [.vector([1, 2])])
    }
  }

  @Test("a damaged vector is an error that names file and place, and no vector")
  func damage() async throws {
    let temporary = TemporaryDirectory()
    let directory = try DataDirectory(path: temporary.path)
    defer { directory.close() }
    let cache = try EmbeddingCache(in: directory)
    try await cache.store(
      (0..<2).map { (Self.key($0), .vector([Float($0), 1])) }, job: 1)
    try await cache.fold()
    let log = try #require(Self.logs(in: temporary).first)
    let whole = try Data(contentsOf: URL(fileURLWithPath: log))
    // Of the second entry, behind the heads of file and frame: 24 bytes of its own head, 8 of the vector.
    let entry = 16 + 56 + 32
    for place in entry..<entry + 32 {
      var bytes = whole
      bytes[place] ^= 0x10
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
      try file.write(contentsOf: bytes)
      try file.close()
      #expect(try cache.entries(of: [Self.key(0)], dimension: 2, job: 1) == [.vector([0, 1])])
      let error = #expect(throws: MoultError.self) {
        _ = try cache.entries(of: [Self.key(1)], dimension: 2, job: 1)
      }
      #expect(error?.code == .corrupted)
      #expect(error?.message.contains("\(log): the vector at byte \(entry)") == true)
    }
    cache.close()
  }

  @Test("the end of a job lets the oldest logs go, and no more than that")
  func trim() async throws {
    let temporary = TemporaryDirectory()
    let directory = try DataDirectory(path: temporary.path)
    defer { directory.close() }
    let cache = try EmbeddingCache(in: directory, logBytesMax: 32 << 10)
    // Nine entries of 4 KiB: the second log begins behind the eighth.
    let dimension = 1 << 10
    for number in 0..<9 {
      let vector = [Float](repeating: Float(number), count: dimension)
      try await cache.store([(Self.key(number), .vector(vector))], job: 1, spent: Spent(texts: 1))
    }
    let keys = (0..<9).map(Self.key)
    #expect(try Self.logs(in: temporary).count == 2)
    try await cache.end(job: 2, keepingBytes: 40 << 10)
    #expect(try cache.known(keys, dimension: dimension, job: 1).allSatisfy { $0 })
    #expect(try await cache.spent(by: 1).texts == 9)
    try await cache.end(job: 1, keepingBytes: 30 << 10)
    #expect(try cache.known(keys, dimension: dimension, job: 1) == (0..<9).map { $0 == 8 })
    #expect(try Self.logs(in: temporary).count == 1)
    #expect(try await cache.spent(by: 1) == Spent())
    try await cache.end(job: 1, keepingBytes: 0)
    #expect(try cache.known(keys, dimension: dimension, job: 1).allSatisfy { !$0 })
    #expect(try Self.logs(in: temporary).isEmpty)
    try await cache.store([(Self.key(1), .vector([1]))], job: 1)
    try await cache.fold()
    cache.close()

    // A log that is gone takes its places along.
    try FileManager.default.removeItem(atPath: #require(Self.logs(in: temporary).first))
    let again = try EmbeddingCache(in: directory)
    #expect(try again.known([Self.key(1)], dimension: 1, job: 1) == [false])
    again.close()
  }

  @Test("settling syncs the log, though the database learns nothing yet")
  func settling() async throws {
    /// Stores a vector and settles; `false` where settling failed.
    func settle(_ fileSystem: FaultyFileSystem) async throws -> (before: Int, after: Int, isDone: Bool) {
      let temporary = TemporaryDirectory()
      let directory = try DataDirectory(path: temporary.path, fileSystem: fileSystem)
      defer { directory.close() }
      let cache = try EmbeddingCache(in: directory)
      defer { cache.close() }
      try await cache.store([(Self.key(1), .vector([1, 2]))], job: 1)
      let before = fileSystem.callCount
      let isDone = (try? await cache.settle()) != nil
      return (before, fileSystem.callCount, isDone)
    }
    let (before, after, isDone) = try await settle(FaultyFileSystem(atCall: nil))
    #expect(isDone && after == before + 1)
    #expect(try await !settle(FaultyFileSystem(.brokenDisk, atCall: before)).isDone)
  }
}
