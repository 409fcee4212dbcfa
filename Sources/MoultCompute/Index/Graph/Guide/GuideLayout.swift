/// Which directions a guide keeps, with how many bits, and where they lie in its bytes.
///
/// A guide has 4 cells of two bits in each byte, but for the 8 bytes of factor and additive at its end. A
/// direction gets two cells (16 levels), one (4 levels) or none; its levels are equally far apart. Directions
/// come by falling variance λ. The first cell takes 0.881·λ of the error, the second 0.107·λ (uniform quantizers
/// of a normal distribution, Max 1960), so cells are handed out by the largest gain.
struct GuideLayout: Equatable {
  static let lineBytes = 64
  static let sideBytes = 8
  /// Cells of a byte.
  static let planes = 4

  /// Cache lines of a guide, 1 or 2.
  let lines: Int
  /// Directions with 16 levels; the first ones.
  let fineCount: Int
  /// Directions with any levels.
  let count: Int

  var bytes: Int { lines * Self.lineBytes }
  var codeBytes: Int { bytes - Self.sideBytes }

  private static let firstGain: Float = 0.8812
  private static let secondGain: Float = 0.1073

  /// - Parameter variances: of all directions, falling.
  init(lines: Int, variances: [Float]) {
    precondition(lines == 1 || lines == 2)
    self.lines = lines
    let cells = Self.planes * (lines * Self.lineBytes - Self.sideBytes)
    var fine = 0
    var count = 0
    for _ in 0..<cells {
      let first = count < variances.count ? Self.firstGain * variances[count] : 0
      let second = fine < count ? Self.secondGain * variances[fine] : 0
      if first == 0 && second == 0 { break }
      if first >= second { count += 1 } else { fine += 1 }
    }
    fineCount = fine
    self.count = count
  }

  func isFine(_ direction: Int) -> Bool { direction < fineCount }

  /// Levels a direction has.
  func levelCount(_ direction: Int) -> Int { isFine(direction) ? 16 : 4 }

  /// The level that stands for 0.
  func middle(_ direction: Int) -> Float { isFine(direction) ? 7.5 : 1.5 }

  /// From one level to the next, in standard deviations: what loses least (Max 1960).
  func relativeStep(_ direction: Int) -> Float { isFine(direction) ? 0.3352 : 0.9957 }

  /// The byte of a direction's level and how far it is shifted in it. Fine directions come first, two a byte.
  func place(of direction: Int) -> (byte: Int, shift: Int) {
    let cell = isFine(direction) ? 2 * direction : fineCount + direction
    let (half, byte) = (cell / 2).quotientAndRemainder(dividingBy: codeBytes)
    return (byte, 4 * half + 2 * (cell % 2))
  }

  /// Where the weight of a direction's (first) cell stands, see `moult_guide_query`; that of a second cell
  /// stands `lineBytes` behind it.
  func weightIndex(of direction: Int) -> Int {
    let (byte, shift) = place(of: direction)
    let (line, within) = byte.quotientAndRemainder(dividingBy: Self.lineBytes)
    return (line * Self.planes + shift / 2) * Self.lineBytes + within
  }
}
