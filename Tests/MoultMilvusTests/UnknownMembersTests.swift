import Foundation
import MoultTesting
import Testing

@testable import MoultMilvus

@Suite("Milvus: members of messages that are not known")
struct UnknownMembersTests {
  @Test("numbers are found behind members of every wire type")
  func numbers() {
    let bytes: [UInt8] = [
      0x08, 0x96, 0x01,  // 1: varint
      0x11, 1, 2, 3, 4, 5, 6, 7, 8,  // 2: 64 bits
      0x1A, 2, 0x08, 0x01,  // 3: two bytes
      0x25, 1, 2, 3, 4,  // 4: 32 bits
      0xBA, 0x01, 0,  // 23: no bytes
    ]
    #expect(UnknownMembers.numbers(Data(bytes)) == [1, 2, 3, 4, 23])
    #expect(UnknownMembers.numbers(Data([0, 0, 0x1A] + bytes)[2...]).first == 3)
  }

  @Test("noise never traps", arguments: 0..<200)
  func noise(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    _ = UnknownMembers.numbers(Data(random.bytes(count: Int.random(in: 0...60, using: &random))))
  }
}
