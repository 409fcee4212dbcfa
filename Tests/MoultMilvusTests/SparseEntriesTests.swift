import Foundation
import MilvusProto
import MoultServer
import MoultTesting
import Testing

@testable import MoultMilvus

@Suite("Milvus: sparse vectors and bits on the wire")
struct SparseEntriesTests {
  private func json(_ text: String) throws -> JSON { try JSONReader.parse(text) }

  @Test(
    "bytes, and both forms of JSON in any order, are the same vector",
    arguments: 1...20 as ClosedRange<UInt64>)
  func forms(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var entries: [UInt32: Float] = [:]
    for _ in 0..<Int.random(in: 0...12, using: &random) {
      let index = Bool.random(using: &random) ? UInt32.random(in: 0..<20, using: &random) : UInt32.max - 1
      entries[index] = Float.random(in: 0...4, using: &random)
    }
    let pairs = entries.shuffled(using: &random)
    let object = "{" + pairs.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ",") + "}"
    let arrays =
      "{\"values\": [\(pairs.map { "\($0.value)" }.joined(separator: ","))], "
      + "\"indices\": [\(pairs.map { "\($0.key)" }.joined(separator: ","))]}"
    let vector = try SparseEntries(try json(object))
    #expect(vector.indices == entries.keys.sorted())
    #expect(vector.values == entries.keys.sorted().map { entries[$0]! })
    #expect(try SparseEntries(try json(arrays)) == vector)
    #expect(vector.bytes.count == 8 * entries.count)
    #expect(try SparseEntries(bytes: vector.bytes) == vector)
    var writer = JSONWriter()
    vector.write(to: &writer)
    #expect(try SparseEntries(try JSONReader.parse(writer.bytes)) == vector)
  }

  @Test("the bytes are those of Milvus' messages")
  func golden() throws {
    let vector = try SparseEntries(try json(#"{"258": 1.5, "1": 2}"#))
    #expect(vector.bytes == Data([1, 0, 0, 0, 0, 0, 0, 0x40, 2, 1, 0, 0, 0, 0, 0xC0, 0x3F]))
    #expect(vector.dimension == 259)
  }

  @Test(
    "what Milvus refuses is refused, and says why",
    arguments: [
      ("[1]", "expected a sparse vector"), ("\"1\"", "expected a sparse vector"),
      (#"{"a": 1}"#, "expected an integer from 0 to 2^32-2, got 'a'"), (#"{"-1": 1}"#, "got '-1'"),
      (#"{"1.5": 1}"#, "got '1.5'"), (#"{"4294967295": 1}"#, "must be less than 2^32-1"),
      (#"{"4294967296": 1}"#, "4294967296"), (#"{"1": -0.5}"#, "negative value"),
      (#"{"1": 1e300}"#, "infinity"),
      (#"{"1": "x"}"#, "expected a number"), (#"{"1": null}"#, "expected a number"),
      (#"{"1": 1, "01": 2}"#, "unsorted or same indices"), (#"{"indices": [1]}"#, "invalid JSON input"),
      (#"{"indices": [1], "values": [1], "more": 1}"#, "invalid JSON input"),
      (#"{"indices": [1], "values": 1}"#, "invalid JSON input"),
      (#"{"indices": [1, 2], "values": [1]}"#, "length mismatch: 2 and 1"),
      (#"{"indices": [1, 1], "values": [1, 2]}"#, "unsorted or same indices"),
      (#"{"indices": [1.5], "values": [1]}"#, "got a number"),
      (#"{"indices": [-2], "values": [1]}"#, "got -2"),
      (#"{"indices": ["1"], "values": [1]}"#, "got a string"),
    ])
  func refusedJSON(text: String, says: String) throws {
    let json = try json(text)
    let fault = #expect(throws: VectorFault.self) { try SparseEntries(json) }
    #expect(fault?.text.contains(says) == true, "\(fault?.text ?? "")")
  }

  @Test("bytes that nobody vouches for are checked to the last entry")
  func refusedBytes() throws {
    func bytes(_ entries: [(UInt32, UInt32)]) -> Data {
      entries.reduce(into: Data()) { data, entry in
        for bits in [entry.0, entry.1] {
          withUnsafeBytes(of: bits.littleEndian) { data.append(contentsOf: $0) }
        }
      }
    }
    let one = Float(1).bitPattern
    let cases: [(Data, String)] = [
      (Data([1, 2, 3]), "invalid data length in sparse float vector: 3"),
      (bytes([(2, one), (1, one)]), "unsorted"), (bytes([(2, one), (2, one)]), "unsorted or same"),
      (bytes([(1, one), (UInt32.max, one)]), "less than 2^32-1"), (bytes([(1, Float.nan.bitPattern)]), "nan"),
      (bytes([(1, Float.infinity.bitPattern)]), "inf"), (bytes([(1, Float(-1).bitPattern)]), "negative"),
    ]
    for (data, says) in cases {
      let fault = #expect(throws: VectorFault.self) { try SparseEntries(bytes: data) }
      #expect(fault?.text.contains(says) == true, "\(fault?.text ?? "")")
      // A slice whose indices do not begin at 0 is read alike.
      let slice = (Data([9, 9, 9]) + data).dropFirst(3)
      let again = #expect(throws: VectorFault.self) { try SparseEntries(bytes: slice) }
      #expect(again == fault)
    }
  }

  @Test("bits are an array of bytes, or their base64")
  func bits() throws {
    var field = CollectionDefinition.Field(name: "b", type: .binaryVector)
    field.parameters = [.init(key: "dim", value: "16")]
    #expect(try PayloadVector.bits(try json("[1, 255]"), field) == Data([1, 255]))
    #expect(try PayloadVector.bits(.floats([1, 255]), field) == Data([1, 255]))
    #expect(try PayloadVector.bits(.string("Af8="), field) == Data([1, 255]))
    for (text, says) in [
      ("[1]", "[]byte size 1 doesn't equal to vector dimension 16 of BinaryVector"), ("[]", "[]byte size 0"),
      ("[1, 256]", "got 256"), ("[1, -1]", "got -1"), ("[1, 0.5]", "got 0.5"), ("[1, \"2\"]", "got a string"),
      ("\"???\"", "expected base64 of 2 bytes"), ("\"AQ==\"", "[]byte size 1"), ("7", "got an integer"),
    ] {
      let json = try json(text)
      let fault = #expect(throws: VectorFault.self) { try PayloadVector.bits(json, field) }
      #expect(fault?.text.contains(says) == true, "\(fault?.text ?? "")")
    }
  }

  @Test("what a payload holds in the place of a vector moves no other row's out of its place")
  func unsound() throws {
    var bits = CollectionDefinition.Field(name: "b", type: .binaryVector)
    bits.parameters = [.init(key: "dim", value: "16")]
    let sparse = CollectionDefinition.Field(name: "s", type: .sparseFloatVector)
    let values: [JSON?] = [
      .string("Af8="), .string("AQ=="), .string("no base64!"), .int(7), .null, nil, .string("AgM="),
    ]
    let rows = values.map { PayloadVector.bytes($0, bits) }
    #expect(rows == [Data([1, 255]), nil, nil, nil, nil, nil, Data([2, 3])])
    let column = ProtoVectorField(rows, bits)
    #expect(column.dim == 16)
    #expect(column.binaryVector == Data([1, 255] + [UInt8](repeating: 0, count: 10) + [2, 3]))
    bits.isNullable = true
    #expect(ProtoVectorField(rows, bits).binaryVector == Data([1, 255, 2, 3]))
    let vector = try SparseEntries(try json(#"{"5": 1}"#)).bytes
    let stored = [JSON.string(vector.base64EncodedString()), .string("AQ=="), .string("")].map {
      PayloadVector.bytes($0, sparse)
    }
    #expect(ProtoVectorField(stored, sparse).sparseFloatVector.contents == [vector, Data(), Data()])
    #expect(ProtoVectorField(stored, sparse).dim == 6)
    var writer = JSONWriter()
    writer.beginArray()
    for value in [JSON.string(vector.base64EncodedString()), .string("AQ=="), .null] {
      PayloadVector.write(value, as: sparse, to: &writer)
    }
    PayloadVector.write(.string("AQ=="), as: bits, to: &writer)
    writer.endArray()
    #expect(String(decoding: writer.bytes, as: UTF8.self) == #"[{"5":1.0},null,null,null]"#)
  }
}
