import MoultModel
import Testing

@Suite("Point ids")
struct PointIDTests {
  @Test("integers sort by value and come before strings, strings sort by their bytes")
  func order() {
    let ids: [PointID] = [.string("b"), .int64(10), .string("B"), .int64(-3), .string("ä"), .int64(9)]
    #expect(ids.sorted() == [.int64(-3), .int64(9), .int64(10), .string("B"), .string("b"), .string("ä")])
  }

  @Test("strings that look alike but differ in their bytes are two ids, as in the database")
  func bytes() {
    let (composed, decomposed) = (PointID.string("\u{E9}"), PointID.string("e\u{301}"))
    #expect(composed != decomposed)
    #expect(Set([composed, decomposed, .string("\u{E9}")]).count == 2)
    #expect((composed < decomposed) != (decomposed < composed))
  }

  @Test("the text of an id is its value")
  func text() {
    #expect("\(PointID.int64(.min))" == "-9223372036854775808")
    #expect("\(PointID.string("x"))" == "x")
  }
}
