// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// Of modules that compute: optimized in debug too, as the C kernels are. Their loops are ten to fifty times slower without,
/// and tests crawl.
let optimized: [SwiftSetting] = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let swiftProtobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let asyncHTTPClient = Target.Dependency.product(
  name: "AsyncHTTPClient", package: "async-http-client")

/// A library target of ours under `Sources/`, in Swift 6 mode with the strict features on.
func module(
  _ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = strict
) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The tests of one module, under `Tests/<Module>Tests`.
func tests(
  _ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = strict
) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["MoultTesting"], swiftSettings: settings)
}

let package = Package(
  name: "moult",
  products: [
    .executable(name: "moult", targets: ["MoultCommand"]),
    .library(name: "MoultCompute", targets: ["MoultCompute", "MoultModel"]),
  ],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
  ],
  targets: [
    // The C kernels. -O3 in debug too: at -O0 intrinsics are 12 to 45 times slower and tests crawl.
    .target(
      name: "CMoultKernels",
      path: "kernels",
      exclude: ["README.md", "check-neon", "check-emulated", "checks", "cuda"],
      publicHeadersPath: "include",
      cSettings: [
        .headerSearchPath("."),
        .unsafeFlags(["-Wall", "-Wextra"]),
        .unsafeFlags(["-O3"], .when(configuration: .debug)),
      ]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
      name: "CLAPACKE", pkgConfig: "lapacke", providers: [.apt(["liblapacke-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

    .target(
      name: "CMoultStorage", dependencies: ["CZlib"],
      cSettings: [
        .unsafeFlags(["-Wall", "-Wextra"]),
        .unsafeFlags(["-O3"], .when(configuration: .debug)),
      ]),

    // Checksums of SQLite's pages. -O3 in debug too, as above.
    .target(
      name: "CSQLitePages",
      cSettings: [
        .unsafeFlags(["-Wall", "-Wextra"]), .unsafeFlags(["-O3"], .when(configuration: .debug)),
      ],
      linkerSettings: [.linkedLibrary("sqlite3")]),

    module("MoultModel", [], optimized),
    module("MoultCompute", ["MoultModel", "CMoultKernels", "COpenBLAS", "CLAPACKE"], optimized),
    module("MoultStorage", ["MoultModel", "CMoultStorage", "CSQLitePages", "CZlib", grdb, grdbSQLite]),
    module("MoultJobs", [grdb, lifecycle, logging, metrics]),
    module("MoultFiles", ["MoultModel", "CZlib"]),
    module(
      "MoultEngine",
      [
        "MoultModel", "MoultCompute", "MoultStorage", "MoultJobs", grdb, logging, lifecycle, crypto,
        cryptoExtras,
      ]),
    module(
      "MoultServer",
      [
        "MoultModel", "MoultEngine", hummingbird, hummingbirdCore, nioCore, nioPosix, nioHTTPTypes, nioHTTP2,
        nioHPACK, nioSSL,
        httpTypes, lifecycle, unixSignals, logging,
      ]),
    .target(
      name: "MilvusProto", dependencies: [swiftProtobuf], exclude: ["milvus.proto", "generate"],
      swiftSettings: strict),
    module(
      "MoultMilvus",
      [
        "MoultModel", "MoultFiles", "MoultEngine", "MoultServer", "MilvusProto", hummingbird, nioCore,
        httpTypes,
        swiftProtobuf,
      ]),
    .target(
      name: "QdrantProto", dependencies: [swiftProtobuf], exclude: ["qdrant.proto", "generate"],
      swiftSettings: strict),
    module(
      "MoultQdrant",
      [
        "QdrantProto", swiftProtobuf, "MoultModel", "MoultEngine", "MoultServer", hummingbird,
        hummingbirdCore, nioCore,
        httpTypes, crypto,
      ]),
    module(
      "MoultEmbedding",
      ["MoultModel", "MoultEngine", "MoultFiles", asyncHTTPClient, nioCore, nioHTTP1]),
    module(
      "MoultBenchmark", ["MoultModel", "MoultCompute", "MoultEngine", "MoultFiles", "MoultStorage", logging]),
    .executableTarget(
      name: "MoultCommand",
      dependencies: [
        "MoultModel", "MoultFiles", "MoultEngine", "MoultServer", "MoultMilvus", "MoultQdrant",
        "MoultEmbedding", "MoultBenchmark", argumentParser, asyncHTTPClient, hummingbird, nioCore, nioHTTP1,
        nioSSL, logging, lifecycle,
      ],
      swiftSettings: strict),

    .target(
      name: "MoultTesting", dependencies: ["MoultModel"], path: "Tests/MoultTesting",
      swiftSettings: optimized),
    .target(
      name: "MoultStorageTesting", dependencies: ["MoultStorage", "MoultModel", "CSQLitePages"],
      path: "Tests/MoultStorageTesting", swiftSettings: strict),
    .target(
      name: "MoultServerTesting",
      dependencies: [
        "MoultServer", "MoultEngine", "MoultTesting", asyncHTTPClient, nioCore, nioHTTP1, nioHPACK, nioSSL,
        logging,
      ],
      path: "Tests/MoultServerTesting", swiftSettings: strict),
    tests("KernelTests", ["CMoultKernels"], optimized),
    tests("MoultModelTests", ["MoultModel"]),
    .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
    tests(
      "MoultComputeTests", ["MoultCompute", "MoultModel", "CMoultKernels", "CAllocationCounter"], optimized),
    tests("MoultStorageTests", ["MoultStorageTesting", "MoultStorage", "MoultModel", "CSQLitePages", grdb]),
    tests("MoultJobsTests", ["MoultJobs", grdb, logging, lifecycle]),
    tests("MoultFilesTests", ["MoultFiles", "MoultModel"]),
    tests(
      "MoultEngineTests",
      [
        "MoultStorageTesting", "MoultEngine", "MoultCompute", "MoultJobs", "MoultModel", "MoultStorage",
        logging,
        lifecycle,
      ]),
    tests(
      "MoultServerTests",
      [
        "MoultServerTesting", "MoultServer", "MoultEngine", "MoultModel", hummingbird, nioCore, nioHPACK,
        nioSSL,
        asyncHTTPClient, httpTypes, logging,
      ]),
    tests(
      "MoultMilvusTests",
      [
        "MoultServerTesting", "MoultMilvus", "MilvusProto", "MoultServer", "MoultEngine", "MoultModel",
        hummingbird,
        httpTypes, swiftProtobuf, logging,
      ]),
    tests(
      "MoultQdrantTests",
      [
        "MoultServerTesting", "MoultQdrant", "MoultServer", "MoultEngine", "MoultModel", hummingbird,
        httpTypes, crypto,
      ]),
    .target(
      name: "MoultEmbeddingTesting",
      dependencies: ["MoultTesting", hummingbird, httpTypes, nioCore, logging, lifecycle],
      path: "Tests/MoultEmbeddingTesting", swiftSettings: strict),
    tests(
      "MoultEmbeddingTests",
      [
        "MoultEmbeddingTesting", "MoultEmbedding", "MoultEngine", "MoultCompute", "MoultModel",
        "MoultStorage",
        logging, lifecycle,
      ]),
    tests("MoultBenchmarkTests", ["MoultBenchmark", "MoultModel", "MoultFiles"]),
    tests(
      "CrashTests", ["MoultEmbeddingTesting", "MoultCommand", "MoultModel", "MoultServer", "MoultStorage"]),
    tests(
      "MoultCommandTests",
      ["MoultCommand", "MoultBenchmark", "MoultCompute", "MoultModel", "MoultFiles", argumentParser]),
  ],
  swiftLanguageModes: [.v6]
)
