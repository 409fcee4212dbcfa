internal import ArgumentParser
internal import MoultModel

/// `moult collections`: what is there.
struct CollectionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "collections", abstract: "List, show or drop collections.",
    subcommands: [List.self, Show.self, Drop.self], defaultSubcommand: List.self)

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List all collections.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let collections = try await server.withClient { try await $0.collections() }
      try output.put(collections, text: Self.table)
    }

    private static func table(_ collections: [CollectionInfo]) -> String {
      var table = TextTable([
        ("NAME", .left), ("ROWS", .right), ("DIM", .right), ("METRIC", .left), ("FORM", .left),
        ("BYTES/VECTOR", .right), ("GENERATION", .right), ("ALIASES", .left),
      ])
      for collection in collections {
        table.append([
          collection.name, Figure.grouped(collection.count), String(collection.schema.dimension),
          collection.schema.metric.rawValue,
          collection.ready ? collection.generation.specification.summary : "being filled",
          String(collection.generation.bytesPerVector), String(collection.generation.id),
          collection.aliases.joined(separator: ", "),
        ])
      }
      return table.rendered()
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show one collection and its generations.")

    @Argument(help: "Name of a collection or alias.")
    var name: String

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    private struct Report: Encodable {
      var collection: CollectionInfo
      var generations: [GenerationInfo]
    }

    func run() async throws {
      let report = try await server.withClient { client in
        Report(
          collection: try await client.collection(name), generations: try await client.generations(of: name))
      }
      try output.put(report, text: Self.text)
    }

    private static func text(_ report: Report) -> String {
      let collection = report.collection
      let schema = collection.schema
      var table = TextTable([
        ("GENERATION", .right), ("STATE", .left), ("FORM", .left), ("BYTES/VECTOR", .right),
        ("RECALL@10 [95 %]", .left), ("PUBLISHED", .left),
      ])
      for generation in report.generations {
        table.append([
          String(generation.id), generation.state.rawValue, generation.specification.summary,
          String(generation.bytesPerVector), generation.report?.recallAfter.map(\.text) ?? "",
          generation.publishedAt.map(Figure.moment) ?? "",
        ])
      }
      return """
        collection  \(collection.name) (id \(collection.id)\(collection.ready ? "" : ", being filled"))
        points      \(Figure.grouped(collection.count)) × \(schema.dimension), \(schema.metric.rawValue), \
        keys \(schema.keyKind.rawValue), elements \(schema.elementType.rawValue)
        aliases     \(collection.aliases.isEmpty ? "none" : collection.aliases.joined(separator: ", "))
        created     \(Figure.moment(collection.createdAt))

        \(table.rendered())
        """
    }
  }

  struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Drop a collection and everything in it. Refused while aliases point to it.")

    @Argument(help: "Name of a collection.")
    var name: String

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await server.withClient { try await $0.dropCollection(name) }
      if output.json { try Console.putJSON(["dropped": name]) } else { Console.say("dropped \(name)") }
    }
  }
}

extension EncodingSpecification {
  /// The form in a few words: "int8 256 pca hnsw ×4".
  var summary: String {
    var parts = [quantization == .none ? "float32" : quantization.rawValue]
    if let dimensions { parts.append("\(dimensions) \(transform.rawValue)") }
    if index != .flat { parts.append(index.name) }
    if effectiveOversampling > 1 { parts.append("rescore ×\(Figure.fixed(effectiveOversampling, 1))") }
    return parts.joined(separator: " ")
  }
}

extension MeasuredRecall {
  /// "0.993 [0.990, 0.996]".
  var text: String {
    "\(Figure.fixed(mean, 3)) [\(Figure.fixed(lower, 3)), \(Figure.fixed(upper, 3))]"
  }
}
