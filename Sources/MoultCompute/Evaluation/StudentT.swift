/// Student's t distribution.
enum StudentT {
  /// The 97.5 % quantile: a table up to 10 degrees of freedom, then Fisher and Cornish's expansion around
  /// the normal quantile (error below 2·10⁻⁴).
  static func quantile975(degreesOfFreedom: Int) -> Double {
    let table = [12.706, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
    if degreesOfFreedom < table.count { return table[max(0, degreesOfFreedom)] }
    let z = 1.959964
    let v = Double(degreesOfFreedom)
    let z3 = z * z * z
    let z5 = z3 * z * z
    let z7 = z5 * z * z
    return z + (z3 + z) / (4 * v) + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v)
      + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * v * v * v)
  }
}
