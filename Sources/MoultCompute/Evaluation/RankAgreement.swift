/// How alike two orders of hits are.
public enum RankAgreement {
  /// Kendall's tau over what stands in both lists: pairs in the same order less pairs in the other one, of all pairs
  /// (Kendall 1938).
  ///
  /// - Parameters: hits in their order, none twice. O(n²) of what they have in common.
  /// - Returns: −1 (the other way round) … 1 (the same order); `nil` where fewer than two stand in both.
  public static func tau(_ one: [Int64], _ other: [Int64]) -> Double? {
    let places = Dictionary(uniqueKeysWithValues: zip(other, other.indices))
    let common = one.compactMap { places[$0] }
    guard common.count > 1 else { return nil }
    var sum = 0
    for (index, place) in common.enumerated() {
      for later in common[(index + 1)...] { sum += later > place ? 1 : -1 }
    }
    return Double(sum) / Double(common.count * (common.count - 1) / 2)
  }
}
