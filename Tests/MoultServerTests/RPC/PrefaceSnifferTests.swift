import Testing

@testable import MoultServer

@Suite("PrefaceSniffer")
struct PrefaceSnifferTests {
  @Test("every beginning of the preface can be either, the whole of it is HTTP/2")
  func beginnings() {
    let preface = PrefaceSniffer.preface
    for count in 0..<preface.count { #expect(PrefaceSniffer.spoken(preface.prefix(count)) == nil) }
    #expect(PrefaceSniffer.spoken(preface) == .http2)
    #expect(PrefaceSniffer.spoken(preface + [0, 1, 2]) == .http2)
  }

  @Test("one other byte anywhere makes it HTTP/1.1")
  func differences() {
    for index in PrefaceSniffer.preface.indices {
      var bytes = PrefaceSniffer.preface
      bytes[index] ^= 1
      #expect(PrefaceSniffer.spoken(bytes) == .http1)
      #expect(PrefaceSniffer.spoken(bytes.prefix(index + 1)) == .http1)
    }
  }
}
