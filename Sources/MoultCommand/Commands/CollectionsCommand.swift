internal import ArgumentParser
internal import MoultModel

/// `moult collections`: what is there.
struct CollectionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "collections",
    abstract: "List, show or drop collections; add or drop vector fields, choose the default one.",
    subcommands: [List.self, Show.self, Drop.self, AddField.self, DropField.self, Default.self],
    defaultSubcommand: List.self)

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
        let hasPlaceholder = collection.schema.hasPlaceholder
        table.append([
          collection.name, Figure.grouped(collection.count),
          hasPlaceholder ? "-" : String(collection.schema.dimension),
          hasPlaceholder ? "-" : collection.schema.metric.rawValue,
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

    private static func fields(_ collection: CollectionInfo) -> String {
      collection.fields.map { field in
        "\nfield       \(FieldName.joined(collection.name, field.name)): \(Figure.grouped(field.count)) × "
          + "\(field.dimension), \(field.metric.rawValue), \(field.generation.specification.summary)"
          + (field.name == collection.schema.searchField ? ", default" : "")
      }.joined()
        + (collection.schema.textVectors?.vectors ?? []).map { vector in
          "\nsparse      \(vector.name): BM25 of '\(vector.template)'\(vector.isFilled ? "" : ", being filled")"
        }.joined()
    }

    private static func vectors(_ schema: CollectionSchema) -> String {
      schema.hasPlaceholder
        ? ", no first vector field"
        : " × \(schema.dimension), \(schema.metric.rawValue), elements \(schema.elementType.rawValue)"
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
        points      \(Figure.grouped(collection.count))\(Self.vectors(schema)), keys \(schema.keyKind.rawValue)
        aliases     \(collection.aliases.isEmpty ? "none" : collection.aliases.joined(separator: ", "))
        created     \(Figure.moment(collection.createdAt))\(fields(collection))

        \(table.rendered())
        """
    }
  }

  struct Drop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Drop a collection and everything in it. Refused while aliases point to it.")

    @Argument(help: "Name of a collection.")
    var name: String
    @Flag(help: "Also when what took its place is not proven.")
    var force = false

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await server.withClient { try await $0.dropCollection(name, force: force) }
      if output.json { try Console.putJSON(["dropped": name]) } else { Console.say("dropped \(name)") }
    }
  }

  struct AddField: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a vector field; points that are there have no vector in it yet.",
      discussion: """
        The field is addressed as NAME:FIELD by search, switch, plan, status, rollback and export; it has a quantization \
        and an index of its own.
        """)

    @Argument(help: "Name of a collection or alias.")
    var name: String
    @Argument(help: "Name of the field.")
    var field: String
    @Option(help: "Entries of each vector.")
    var dimension: Int
    @Option(help: "How nearness is measured: cosine, ip or l2.")
    var metric: Metric = .cosine

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let info = try await server.withClient {
        try await $0.addField(.init(name: field, dimension: dimension, metric: metric), to: name)
      }
      try output.put(info) { "added \(FieldName.joined($0.name, field))" }
    }
  }

  struct DropField: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Drop a vector field with its vectors, codes and indexes. The default stays."
    )

    @Argument(help: "Name of a collection or alias.")
    var name: String
    @Argument(help: "Name of the field.")
    var field: String
    @Flag(help: "Also while a model fills another field, or when what took its place is not proven.")
    var force = false

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await server.withClient { try await $0.dropField(field, from: name, force: force) }
      let path = FieldName.joined(name, field)
      if output.json { try Console.putJSON(["dropped": path]) } else { Console.say("dropped \(path)") }
    }
  }

  struct Default: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Let another vector field be searched where a search names none; the same takes it back.")

    @Argument(help: "Name of a collection or alias.")
    var name: String
    @Argument(help: "Name of the field.")
    var field: String
    @Flag(help: "Also one that is still being filled.")
    var allowPartial = false

    @OptionGroup var server: ServerOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let info = try await server.withClient {
        try await $0.setDefaultField(field, of: name, allowPartial: allowPartial)
      }
      try output.put(info) { "searches of \($0.name) take \(field)" }
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
