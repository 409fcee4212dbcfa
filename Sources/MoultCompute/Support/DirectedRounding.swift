extension Double {
  /// The largest float that is not larger.
  func roundedDown() -> Float {
    let nearest = Float(self)
    return Double(nearest) > self ? nearest.nextDown : nearest
  }
}
