public import Testing

extension Tag {
  /// Runs a deliberately broken twin that the test beside it must catch.
  @Tag public static var control: Self
}
