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
}
