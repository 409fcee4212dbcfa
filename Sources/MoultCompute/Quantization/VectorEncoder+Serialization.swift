public import MoultModel

/// The format of an encoder, versions 1 and 2. Little-endian. An encoder is written as the lowest version
/// that can hold it. A specification's `targetRecall` is not in it, nor an index other than a graph: they are about
/// searches, not codes, and the generation has them in the catalog.
///
///     0   8  "MOULTENC"
///     8   4  version
///     12  1  metric: 0 cosine, 1 inner product, 2 squared Euclidean
///     13  1  quantization: 0 none, 1 int8, 2 binary; from version 2 on all of `quantizations` below
///     14  1  transform: 0 none, 1 prefix, 2 pca
///     15  1  index asked for: 1 hnsw, 0 any other (the catalog knows which)
///     16  4  dimension
///     20  4  code dimension
///     24  4  dimensions asked for; 0: not given
///     28  4  hnsw m
///     32  4  hnsw efConstruction
///     36  8  oversampling asked for, f64; NaN: not given
///     44  8  sample count
///     52  8  shrinkage, f64; NaN: none
///     60  8  explained variance, f64; NaN: none
///            version 2 only: bits asked for, quantile, predicted gain, f64 each; NaN: none
///     …      pca: matrix (count u32, f32 …, code dimension × dimension), bias (count u32: 0 or the code
///            dimension, f32 …)
///     …      int8: step f32, centre (count u32, f32 …);  binary: rotation seed u64, centre likewise;
///            the others: see `write` of their quantizers
///     end−8  FNV-1a of everything before
///
/// *Changing any of this needs a new version number and a reader for the old one.*
private enum EncoderFormat {
  static let magic = Array("MOULTENC".utf8)
  static let version: UInt32 = 2
  static let metrics: [Metric] = [.cosine, .innerProduct, .squaredEuclidean]
  static let quantizations: [Quantization] = [
    .none, .int8, .binary, .float16, .bfloat16, .int4, .lloyd1, .lloyd2, .lloyd3, .lloyd4, .lloyd5,
    .segmented, .qdrantInt8, .qdrantBinary, .rabitq1, .rabitq2, .rabitq3, .rabitq4, .osq1, .osq4,
  ]
  /// The first of them are all that version 1 knows.
  static let quantizationsOfVersion1 = 3
  static let transforms: [Transform] = [.none, .prefix, .pca]
}

extension VectorEncoder {
  /// The encoder as bytes, all that `init(serialized:)` needs.
  public func serialized() -> [UInt8] {
    var writer = ByteWriter()
    writer.raw(EncoderFormat.magic)
    let quantizationNumber = EncoderFormat.quantizations.firstIndex(of: specification.quantization)!
    let isVersion1 =
      quantizationNumber < EncoderFormat.quantizationsOfVersion1 && specification.quantile == nil
    writer.integer(isVersion1 ? 1 : EncoderFormat.version)
    writer.integer(UInt8(EncoderFormat.metrics.firstIndex(of: metric)!))
    writer.integer(UInt8(quantizationNumber))
    writer.integer(UInt8(EncoderFormat.transforms.firstIndex(of: specification.transform)!))
    var (indexKind, m, efConstruction): (UInt8, Int, Int) = (0, 0, 0)
    if case .hnsw(let links, let candidates) = specification.index {
      (indexKind, m, efConstruction) = (1, links, candidates)
    }
    writer.integer(indexKind)
    writer.integer(UInt32(dimension))
    writer.integer(UInt32(codeDimension))
    writer.integer(UInt32(specification.dimensions ?? 0))
    writer.integer(UInt32(clamping: m))
    writer.integer(UInt32(clamping: efConstruction))
    writer.double(specification.oversampling ?? .nan)
    writer.integer(UInt64(report.sampleCount))
    writer.double(report.shrinkage ?? .nan)
    writer.double(report.explainedVariance ?? .nan)
    if !isVersion1 {
      writer.double(specification.bits ?? .nan)
      writer.double(specification.quantile ?? .nan)
      writer.double(report.predictedGain ?? .nan)
    }
    if case .linear(let map) = transform {
      writer.floats(map.matrix)
      writer.floats(map.bias ?? FloatBuffer([]))
    }
    quantizer.write(to: &writer)
    writer.integer(FNV1a.hash(writer.bytes))
    return writer.bytes
  }

  /// Reads an encoder. The bytes may be anything: every length and value is checked.
  ///
  /// - Throws: `corrupted` for foreign, damaged or truncated bytes, `unsupportedVersion` for a newer
  ///   version.
  public convenience init(serialized bytes: UnsafeRawBufferPointer) throws(MoultError) {
    var reader = ByteReader(bytes)
    for expected in EncoderFormat.magic {
      guard try reader.integer(UInt8.self, "magic") == expected else {
        throw reader.corrupted("it does not begin with 'MOULTENC'")
      }
    }
    let version = try reader.integer(UInt32.self, "version")
    guard version <= EncoderFormat.version else {
      throw MoultError(
        .unsupportedVersion,
        "encoder has version \(version), this Moult reads up to \(EncoderFormat.version); update Moult")
    }
    guard version >= 1 else { throw reader.corrupted("version is \(version)") }
    guard bytes.count >= 76 else { throw reader.corrupted("it has \(bytes.count) bytes") }
    let end = bytes.count - 8
    let hash = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
    guard FNV1a.hash(bytes[..<end]) == hash else { throw reader.corrupted("its checksum does not match") }

    let metric = try VectorEncoder.choice(&reader, EncoderFormat.metrics, "metric")
    let quantization = try VectorEncoder.choice(
      &reader,
      version == 1
        ? Array(EncoderFormat.quantizations.prefix(EncoderFormat.quantizationsOfVersion1))
        : EncoderFormat.quantizations, "quantization")
    let kind = try VectorEncoder.choice(&reader, EncoderFormat.transforms, "transform")
    let isGraph = try VectorEncoder.choice(&reader, [false, true], "index")
    let dimension = Int(try reader.integer(UInt32.self, "dimension"))
    let codeDimension = Int(try reader.integer(UInt32.self, "code dimension"))
    let asked = Int(try reader.integer(UInt32.self, "dimensions asked for"))
    let m = Int(try reader.integer(UInt32.self, "m"))
    let efConstruction = Int(try reader.integer(UInt32.self, "efConstruction"))
    let oversampling = try reader.double("oversampling")
    let sampleCount = try reader.integer(UInt64.self, "sample count")
    let shrinkage = try reader.double("shrinkage")
    let explained = try reader.double("explained variance")
    let bits = version == 1 ? .nan : try reader.double("bits")
    let quantile = version == 1 ? .nan : try reader.double("quantile")
    let gain = version == 1 ? .nan : try reader.double("predicted gain")
    guard bits.isNaN || (quantization == .segmented && bits >= 0.25 && bits <= 8),
      quantile.isNaN || (quantization == .int8 && quantile >= 0.5 && quantile <= 1)
    else {
      throw reader.corrupted("\(bits) bits or quantile \(quantile) for \(quantization.rawValue)")
    }
    guard CollectionSchema.dimensionRange.contains(dimension) else {
      throw reader.corrupted("dimension is \(dimension)")
    }
    guard codeDimension == (asked == 0 ? dimension : asked), codeDimension <= dimension,
      kind != .none || codeDimension == dimension
    else {
      throw reader.corrupted("\(codeDimension) code dimensions for \(dimension) dimensions")
    }
    guard !isGraph || ((2...256).contains(m) && (1...10_000).contains(efConstruction)) else {
      throw reader.corrupted("hnsw of m \(m) and efConstruction \(efConstruction)")
    }
    guard sampleCount <= UInt64(Int64.max), oversampling.isNaN || oversampling.isFinite else {
      throw reader.corrupted("sample count or oversampling is out of range")
    }
    let specification = EncodingSpecification(
      quantization: quantization, bits: bits.isNaN ? nil : bits, quantile: quantile.isNaN ? nil : quantile,
      dimensions: asked == 0 ? nil : asked, transform: kind,
      index: isGraph ? .hnsw(m: m, efConstruction: efConstruction) : .flat,
      oversampling: oversampling.isNaN ? nil : oversampling)
    var report = EncoderReport(
      sampleCount: Int(sampleCount), shrinkage: shrinkage.isNaN ? nil : shrinkage,
      explainedVariance: explained.isNaN ? nil : explained, predictedGain: gain.isNaN ? nil : gain)

    let transform: VectorTransform
    switch kind {
    case .none: transform = .none
    case .prefix: transform = .prefix(codeDimension)
    case .pca:
      let matrix = try reader.floats(codeDimension * dimension, "the transform's matrix")
      let biasCount = metric == .squaredEuclidean ? codeDimension : 0
      let bias = try reader.floats(biasCount, "the transform's bias")
      transform = .linear(
        LinearTransform(
          matrix: matrix, bias: biasCount == 0 ? nil : bias, inputDimension: dimension,
          outputDimension: codeDimension, isOrthonormal: true))
    }
    let quantizer: any Quantizer
    switch quantization {
    case .none:
      quantizer = FloatQuantizer(
        dimension: codeDimension, metric: metric, storesInverseNorm: specification.isIdentity)
    case .int8:
      let scalar = try ScalarQuantizer(reading: &reader, dimension: codeDimension, metric: metric)
      report.rangeLower = scalar.lower
      report.rangeUpper = scalar.lower + 255 * scalar.step
      quantizer = scalar
    case .binary:
      quantizer = try BinaryQuantizer(reading: &reader, dimension: codeDimension, metric: metric)
    case .lloyd1, .lloyd2, .lloyd3, .lloyd4, .lloyd5, .rabitq1, .rabitq2, .rabitq3, .rabitq4, .segmented:
      let level = try LevelQuantizer(reading: &reader, dimension: codeDimension, metric: metric)
      guard level.isForm(of: quantization) else {
        throw reader.corrupted("its levels are not those of \(quantization.rawValue)")
      }
      quantizer = level
    case .float16:
      quantizer = HalfQuantizer(dimension: codeDimension, metric: metric, format: .float16)
    case .bfloat16:
      quantizer = HalfQuantizer(dimension: codeDimension, metric: metric, format: .bfloat16)
    case .int4:
      quantizer = try Int4Quantizer(reading: &reader, dimension: codeDimension, metric: metric)
    case .qdrantInt8:
      quantizer = try QdrantScalarQuantizer(reading: &reader, dimension: codeDimension, metric: metric)
    case .qdrantBinary:
      quantizer = try QdrantBinaryQuantizer(reading: &reader, dimension: codeDimension, metric: metric)
    case .osq1, .osq4:
      quantizer = try OptimizedScalarQuantizer(
        reading: &reader, dimension: codeDimension, metric: metric, bits: quantization == .osq1 ? 1 : 4)
    }
    guard reader.offset == end else {
      throw reader.corrupted("\(end - reader.offset) bytes too many")
    }
    self.init(
      specification: specification, dimension: dimension, metric: metric, report: report,
      transform: transform, quantizer: quantizer)
  }

  private static func choice<T>(
    _ reader: inout ByteReader, _ values: [T], _ what: String
  ) throws(MoultError) -> T {
    let number = Int(try reader.integer(UInt8.self, what))
    guard number < values.count else { throw reader.corrupted("\(what) is \(number)") }
    return values[number]
  }
}
