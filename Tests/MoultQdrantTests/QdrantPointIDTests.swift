import HTTPTypes
import MoultModel
import MoultServer
import Testing

@testable import MoultQdrant

@Suite("Ids of Qdrant's points")
struct QdrantPointIDTests {
  @Test("all numbers of 64 bits are written as they were read, in their order, before UUIDs")
  func order() throws {
    let numbers: [UInt64] = [
      0, 1, 1 << 53, UInt64(Int64.max), UInt64(Int64.max) + 1, 9_999_999_999_999_999_999, .max - 1, .max,
    ]
    var ids: [PointID] = []
    for number in numbers {
      let json = try JSONReader.parse(String(number), keepsLarge: true)
      let id = try QdrantPointID.read(json, at: "id")
      var written = JSONWriter()
      written.pointID(id)
      #expect(String(decoding: written.bytes, as: UTF8.self) == String(number))
      #expect(QdrantPointID.id(String(number)) == id && QdrantPointID.text(id) == String(number))
      ids.append(id)
    }
    ids.append(try #require(QdrantPointID.id(uuid: "00000000-0000-0000-0000-000000000000")))
    #expect(ids == ids.sorted() && Set(ids).count == ids.count)
    // Keys of both kinds take them.
    for id in ids { #expect(PointID.mixed(id.description) == id) }
  }

  @Test(
    "UUIDs in every form are one id",
    arguments: [
      "550E8400-e29b-41d4-a716-446655440000", "550e8400e29b41d4a716446655440000",
      "urn:uuid:550e8400-e29b-41d4-a716-446655440000", "{550e8400-e29b-41d4-a716-446655440000}",
    ])
  func uuids(text: String) {
    #expect(QdrantPointID.id(uuid: text) == .string("550e8400-e29b-41d4-a716-446655440000"))
  }

  @Test(
    "what is neither is refused",
    arguments: [
      "-1", "1.5", "18446744073709551616", "\"a\"", "\"550e8400-e29b-41d4-a716-44665544000\"",
      "\"550e8400-e29b-41d4-a716-44665544000g\"", "null", "[1]", "true", "\"#00009223372036854775808\"",
    ])
  func refused(text: String) throws {
    let json = try JSONReader.parse(text, keepsLarge: true)
    let error = #expect(throws: QdrantError.self) { try QdrantPointID.read(json, at: "points[0].id") }
    #expect(error?.status.code == 400)
    #expect(
      error?.message.contains("valid values are either an unsigned integer or a UUID") == true,
      "\(error?.message ?? "")")
  }
}
