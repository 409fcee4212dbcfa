/// The Walsh–Hadamard transform straight from the definition's recursion, scaled by 1/√count.
func hadamardOracle(_ values: [Double]) -> [Double] {
  var result = values
  var half = 1
  while half < result.count {
    for i in result.indices where i & half == 0 {
      let (first, second) = (result[i], result[i + half])
      result[i] = first + second
      result[i + half] = first - second
    }
    half *= 2
  }
  let scale = 1 / Double(values.count).squareRoot()
  return result.map { $0 * scale }
}
