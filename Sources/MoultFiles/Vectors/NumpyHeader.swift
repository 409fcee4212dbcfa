package import MoultModel

/// What stands before the numbers of a `.npy` file.
///
/// ```text
/// 0   6  magic  93 4E 55 4D 50 59  ("\x93NUMPY")
/// 6   1  major version: 1, 2 or 3
/// 7   1  minor version: 0
/// 8   2  length of the dictionary, little-endian (4 bytes from version 2 on)
/// 10     a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (10, 384), }
///        padded with spaces and a newline, so that the numbers begin at a multiple of 64
/// ```
///
/// Version 2 allows longer dictionaries, version 3 UTF-8 in them; neither matters for plain arrays.
package struct NumpyHeader: Sendable, Equatable {
  /// The number types that are read; raw values are NumPy's names.
  package enum Element: String, Sendable, CaseIterable {
    case float32 = "<f4"
    case float16 = "<f2"
    case int32 = "<i4"
    case int64 = "<i8"

    package var sizeBytes: Int {
      switch self {
      case .float16: 2
      case .float32, .int32: 4
      case .int64: 8
      }
    }

    package var isFloat: Bool { self == .float32 || self == .float16 }
  }

  package var element: Element
  package var rowCount: Int
  /// Entries a row; an array of one dimension is one row.
  package var columnCount: Int
  /// Where the numbers begin.
  package var dataOffset: Int

  static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
  /// No dictionary of a plain array comes near this; what a header claims is not allocated.
  static let lengthMax = 65_536

  /// Reads a header and checks it against the size of its file.
  ///
  /// - Parameters:
  ///   - start: the first bytes of the file, at least `min(fileSize, 12 + lengthMax)`.
  ///   - fileSize: all bytes of the file.
  package static func parse(
    _ start: UnsafeRawBufferPointer, fileSize: Int, path: String
  ) throws(MoultError) -> NumpyHeader {
    func refuse(_ code: MoultError.Code, _ message: String) -> MoultError {
      MoultError(code, "'\(path)': \(message)")
    }
    guard start.count >= 10, start.prefix(6).elementsEqual(magic) else {
      let found =
        start.isEmpty
        ? "an empty file" : "bytes " + start.prefix(6).map { hexadecimal($0) }.joined(separator: " ")
      throw refuse(
        .corrupted, "expected a .npy file (bytes 93 4E 55 4D 50 59, then version and length), found \(found)")
    }
    guard (1...3).contains(start[6]), start[7] == 0 else {
      throw refuse(.unsupported, "expected .npy version 1.0, 2.0 or 3.0, found \(start[6]).\(start[7])")
    }
    let lengthSize = start[6] == 1 ? 2 : 4
    guard start.count >= 8 + lengthSize else { throw truncated(8 + lengthSize, fileSize, path) }
    let length = (0..<lengthSize).reduce(0) { $0 | Int(start[8 + $1]) << (8 * $1) }
    guard length <= lengthMax else {
      throw refuse(.corrupted, "expected a header of at most \(lengthMax) bytes, found one of \(length)")
    }
    let dataOffset = 8 + lengthSize + length
    guard start.count >= dataOffset else { throw truncated(dataOffset, fileSize, path) }

    var dictionary = NumpyDictionary(start[(8 + lengthSize)..<dataOffset], path: path)
    let (description, fortranOrder, shape) = try dictionary.read()
    let element = try element(description, path)
    if fortranOrder && shape.count > 1 {
      throw refuse(
        .unsupported, "expected rows one after another, found Fortran order; save with np.ascontiguousarray")
    }
    guard (1...2).contains(shape.count) else {
      throw refuse(.unsupported, "expected an array of 1 or 2 dimensions, found \(shape.count) (\(shape))")
    }
    let header = NumpyHeader(
      element: element, rowCount: shape.count == 1 ? 1 : shape[0], columnCount: shape[shape.count - 1],
      dataOffset: dataOffset)
    try header.check(against: fileSize, path: path)
    return header
  }

  private func check(against fileSize: Int, path: String) throws(MoultError) {
    let allowed = CollectionSchema.dimensionRange
    guard columnCount >= 1, !element.isFloat || allowed.contains(columnCount) else {
      throw MoultError(
        .invalidArgument,
        "'\(path)': expected rows of \(allowed.lowerBound) to \(allowed.upperBound) entries, "
          + "found \(columnCount)")
    }
    let (count, overflow) = rowCount.multipliedReportingOverflow(by: columnCount)
    let (bytes, overflowInBytes) = count.multipliedReportingOverflow(by: element.sizeBytes)
    let (expected, overflowInAll) = bytes.addingReportingOverflow(dataOffset)
    guard !overflow, !overflowInBytes, !overflowInAll else {
      throw MoultError(
        .corrupted, "'\(path)': the shape (\(rowCount), \(columnCount)) is larger than any file can be")
    }
    guard fileSize >= expected else { throw Self.truncated(expected, fileSize, path) }
    guard fileSize == expected else {
      throw MoultError(
        .corrupted,
        "'\(path)': expected \(expected) bytes for shape (\(rowCount), \(columnCount)), found \(fileSize): "
          + "something else follows the array")
    }
  }

  private static func element(_ description: String, _ path: String) throws(MoultError) -> Element {
    if let element = Element(rawValue: description) { return element }
    let advice =
      switch description {
      case "<f8": "float64; convert with .astype(np.float32)"
      case let other where other.hasPrefix(">"): "big-endian '\(other)'; convert with .astype(np.float32)"
      default: "'\(description)'; convert with .astype(np.float32)"
      }
    throw MoultError(
      .unsupported,
      "'\(path)': expected float32 or float16 (int32 or int64 for neighbours), little-endian, found \(advice)"
    )
  }

  private static func truncated(_ expected: Int, _ found: Int, _ path: String) -> MoultError {
    MoultError(.corrupted, "'\(path)': the file is truncated: expected \(expected) bytes, found \(found)")
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
  }

  /// The header as `np.save` writes it, byte for byte.
  ///
  /// NumPy leaves room for a row count of 21 digits, so that it can be changed in place: the length depends
  /// on the row's length alone. Then it pads to a multiple of 64, with 64 spaces where there is nothing to
  /// pad (`numpy/lib/format.py`, `_write_array_header` and `_wrap_header`).
  package static func encode(element: Element, rowCount: Int, columnCount: Int) -> [UInt8] {
    let rows = String(rowCount)
    var dictionary =
      "{'descr': '\(element.rawValue)', 'fortran_order': False, 'shape': (\(rows), \(columnCount)), }"
    dictionary += String(repeating: " ", count: 21 - rows.utf8.count)
    let length = dictionary.utf8.count + 1
    let padding = 64 - (10 + length) % 64
    let total = length + padding
    var bytes = magic + [1, 0, UInt8(total & 0xFF), UInt8(total >> 8)]
    bytes += dictionary.utf8
    bytes += [UInt8](repeating: UInt8(ascii: " "), count: padding)
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }
}
