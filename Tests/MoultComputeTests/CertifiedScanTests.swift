import CMoultKernels
import MoultModel
import MoultTesting
import Testing

@testable import MoultCompute

@Suite("Certified scan")
struct CertifiedScanTests {
  /// Per pair of a query and a row the upper bound, the true score, how far it may lie below the bound's
  /// middle, and the units of the scan.
  private func pairs(
    queries: [Float], vectors: [Float], dimension: Int, metric: Metric,
    _ body: (_ upper: Float, _ score: Double, _ width: Double, _ unit: CertifiedQueries.Unit) -> Void
  ) {
    let coded = CodedVectors(.identity(dimension: dimension, metric: metric), vectors)
    let segment = ExactSegment(codes: coded.view)
    queries.withUnsafeBufferPointer { floats in
      let prepared = (0..<queries.count / dimension).map {
        ExactQuery(floats.baseAddress! + $0 * dimension, dimension: dimension, metric: metric)
      }
      let centre = ExactSample([segment], k: 10).centre(metric: metric, dimension: dimension)
      var panel = CertifiedPanel(dimension: dimension, metric: metric, centre: centre)
      for row in 0..<min(coded.count, panel.capacity) {
        panel.append(segment.row(row), inverseNorm: segment.inverseNorm(row), isLive: true)
      }
      panel.finish()
      let certified = CertifiedQueries(
        prepared, centre: centre, levelCount: panel.levelCount, parallel: .serial)
      for chunk in certified.chunks {
        panel.setBounds(chunk)
        let scratch = UnsafeMutableRawPointer.allocate(
          byteCount: moult_scan_scratch_bytes(panel.levelCount / 4, 1, chunk.members.count), alignment: 64)
        let hits = UnsafeMutablePointer<moult_scan_hit>.allocate(capacity: 16 * chunk.members.count)
        defer {
          scratch.deallocate()
          hits.deallocate()
        }
        for block in 0..<panel.blockCount {
          let count = panel.scan(
            block: block, count: 1, queries: chunk.prototypes, queryCount: chunk.members.count,
            scratch: scratch, hits: hits)
          #expect(count == chunk.members.count * min(16, panel.count - 16 * block))
          for hit in UnsafeBufferPointer(start: hits, count: count) {
            let (query, row) = (Int(hit.query), Int(hit.row))
            guard panel.isBounded(row) else {
              #expect(hit.score == .infinity)
              continue
            }
            let unit = chunk.units[query]
            let exact = prepared[chunk.members[query]].score(segment.row(row))
            body(hit.score, exact, panel.width(row, chunk), unit)
          }
        }
      }
    }
  }

  @Test("no score lies outside its bounds", arguments: HardVectors.allCases, [1, 3, 33, 100, 384])
  func boundsHold(kind: HardVectors, dimension: Int) {
    for metric in Metric.allCases {
      let vectors = kind.make(count: 70, dimension: dimension, seed: 1)
      // Queries of the same kind, and of others: a query need not be like the rows.
      for (other, seed) in [(kind, 2), (.random, 3), (.oneHuge, 4)] as [(HardVectors, UInt64)] {
        let queries = other.make(count: 9, dimension: dimension, seed: seed)
        pairs(queries: queries, vectors: vectors, dimension: dimension, metric: metric) {
          upper, score, width, unit in
          // No row falls below the bar of its own score, and no first bar is above it.
          #expect(upper >= unit.bar(score), "\(metric)")
          let lower = unit.lowered(Double(upper) - 2 * width)
          #expect(Double(lower) <= score * unit.scale + unit.shift, "\(metric)")
        }
      }
    }
  }

  @Test("bounds are used to a tenth, not to a thousandth", arguments: Metric.allCases)
  func boundsAreTight(metric: Metric) {
    let sample = WordNetSample.shared
    var most = 0.0
    var widest = 0.0
    pairs(
      queries: Array(sample.queries[..<(50 * 384)]), vectors: Array(sample.base[..<(256 * 384)]),
      dimension: 384, metric: metric
    ) { upper, score, width, unit in
      let middle = Double(upper) - width
      most = max(most, abs(score * unit.scale + unit.shift - middle) / width)
      widest = max(widest, width)
    }
    #expect(most > 0.1 && most <= 1)
    // Of unit vectors; squared distances count inner products twice.
    #expect(widest < (metric == .squaredEuclidean ? 0.08 : 0.04))
  }

  @Test("few rows of real vectors are scored in double", arguments: Metric.allCases)
  func survivors(metric: Metric) {
    let sample = WordNetSample.shared
    let coded = CodedVectors(.identity(dimension: 384, metric: metric), sample.base)
    let (hits, report) = ExactSearch.reported(
      queries: sample.queries, queryCount: 200, dimension: 384, metric: metric,
      segments: [ExactSegment(codes: coded.view)], k: 10)
    #expect(hits.allSatisfy { $0.count == 10 })
    #expect(report.scored >= 200 * 10)
    #expect(report.scored < 200 * 200)
    #expect(report.looseQueries == 0)
  }
}
