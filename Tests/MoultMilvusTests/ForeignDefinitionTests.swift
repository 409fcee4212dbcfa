import MoultEngine
import MoultModel
import MoultServer
import MoultServerTesting
import Testing

@testable import MoultMilvus

@Suite("Milvus REST: collections that clients of Qdrant have defined")
struct ForeignDefinitionTests {
  @Test("are read, and keep their definition")
  func definitions() async throws {
    try await withMilvus { server in
      let annotations = #"{"qdrant":1,"named":false}"#
      _ = try await server.engine.createCollection(
        "q", schema: CollectionSchema(dimension: 2, metric: .squaredEuclidean, annotations: annotations))
      // Changes nothing.
      try await server.success("collections/load", #"{"collectionName":"q"}"#)
      let said = try await server.failure(1100, "collections/release", #"{"collectionName":"q"}"#)
      #expect(said.contains("Qdrant"))
      try await server.failure(
        1100, "collections/alter_properties",
        #"{"collectionName":"q","properties":{"mmap.enabled":"true"}}"#)
      #expect(try server.engine.describeCollection("q").schema.annotations == annotations)
    }
  }
}
