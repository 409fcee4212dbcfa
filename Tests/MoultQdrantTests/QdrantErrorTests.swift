import HTTPTypes
import Testing

@testable import MoultQdrant

@Suite struct QdrantErrorTests {
  @Test func messagesCarryThePrefixThatClientsMatch() {
    #expect(
      QdrantError.notFound("Collection `x` doesn't exist!").message
        == "Not found: Collection `x` doesn't exist!")
    #expect(QdrantError.exists("Collection `x` already exists!").status.code == 409)
    #expect(QdrantError.validation("x").status.code == 422)
  }
}
