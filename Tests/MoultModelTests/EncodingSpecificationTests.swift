import Foundation
import MoultModel
import Testing

@Suite("What a user may ask of a generation")
struct EncodingSpecificationTests {
  @Test("fewer dimensions without a named transform are learned")
  func defaultTransform() {
    #expect(EncodingSpecification(dimensions: 64).transform == .pca)
    #expect(EncodingSpecification().transform == .none)
    #expect(EncodingSpecification().isIdentity)
    #expect(!EncodingSpecification(dimensions: 64).isIdentity)
    #expect(EncodingSpecification(index: .defaultHNSW).isIdentity)
  }

  @Test("coarser codes rescore more candidates unless told otherwise")
  func oversampling() {
    #expect(EncodingSpecification().effectiveOversampling == 1)
    #expect(
      EncodingSpecification(quantization: .binary).effectiveOversampling
        > EncodingSpecification(quantization: .int8).effectiveOversampling)
    #expect(EncodingSpecification(quantization: .binary, oversampling: 3).effectiveOversampling == 3)
  }

  @Test("its JSON form comes back equal: the catalog stores it")
  func roundTrip() throws {
    for quantization in Quantization.allCases {
      for transform in Transform.allCases {
        let specification = EncodingSpecification(
          quantization: quantization, dimensions: transform == .none ? nil : 12, transform: transform,
          index: .hnsw(m: 7, efConstruction: 9), oversampling: 2.5, targetRecall: 0.975)
        let data = try JSONEncoder().encode(specification)
        #expect(try JSONDecoder().decode(EncodingSpecification.self, from: data) == specification)
      }
    }
  }
  @Test(
    "every index has its JSON form, and that of earlier catalogs is read",
    arguments: [
      (IndexSpecification.flat, #"{"flat":{}}"#), (.hnsw(m: 16, efConstruction: 128), nil),
      (.ivf(lists: 100), #"{"ivf":{"lists":100}}"#), (.ivf(lists: nil), #"{"ivf":{}}"#),
      (.automatic, #"{"auto":{}}"#),
    ] as [(IndexSpecification, String?)])
  func index(index: IndexSpecification, json: String?) throws {
    let data = try JSONEncoder().encode(index)
    if let json { #expect(String(decoding: data, as: UTF8.self) == json) }
    #expect(try JSONDecoder().decode(IndexSpecification.self, from: data) == index)
    let earlier = #"{"quantization":"int8","transform":"none","index":{"hnsw":{"efConstruction":60,"m":8}}}"#
    #expect(
      try JSONDecoder().decode(EncodingSpecification.self, from: Data(earlier.utf8))
        == EncodingSpecification(quantization: .int8, index: .hnsw(m: 8, efConstruction: 60)))
  }

  @Test("automatic takes a graph from some size on, and every other kind is itself at any size")
  func kinds() {
    let bound = IndexSpecification.automaticGraphRows
    #expect(IndexSpecification.automatic.kind(rowCount: bound - 1) == .flat)
    #expect(IndexSpecification.automatic.kind(rowCount: bound) == .defaultHNSW)
    for index in [IndexSpecification.flat, .defaultHNSW, .defaultIVF, .ivf(lists: 7)] {
      for rows in [0, bound, 1 << 30] { #expect(index.kind(rowCount: rows) == index) }
    }
  }
}
