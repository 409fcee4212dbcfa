import MoultModel

/// Checksums of codes of version 2 (and of int8 and binary since version 1); never to be changed.
let goldenChecksums = [
  GoldenChecksum(
    quantization: .none, metric: .cosine, dimension40: "5896d181dcfdacb1", dimension100: "e2d001d199b4485f"),
  GoldenChecksum(
    quantization: .none, metric: .innerProduct, dimension40: "5896d181dcfdacb1",
    dimension100: "e2d001d199b4485f"),
  GoldenChecksum(
    quantization: .none, metric: .squaredEuclidean, dimension40: "5896d181dcfdacb1",
    dimension100: "e2d001d199b4485f"),
  GoldenChecksum(
    quantization: .float16, metric: .cosine, dimension40: "b55e3d2ea19c0795", dimension100: "93bce7833cb346cf"
  ),
  GoldenChecksum(
    quantization: .float16, metric: .innerProduct, dimension40: "4fb47d47e9b01692",
    dimension100: "0b271a937fda4d74"),
  GoldenChecksum(
    quantization: .float16, metric: .squaredEuclidean, dimension40: "dad43971643cffbb",
    dimension100: "f503c5d591d31e33"),
  GoldenChecksum(
    quantization: .bfloat16, metric: .cosine, dimension40: "6a8a30d595933f31",
    dimension100: "fb659aa24f1b9715"),
  GoldenChecksum(
    quantization: .bfloat16, metric: .innerProduct, dimension40: "67fa664ed64a313e",
    dimension100: "6b723393116a7d85"),
  GoldenChecksum(
    quantization: .bfloat16, metric: .squaredEuclidean, dimension40: "aba36ac5f2b83848",
    dimension100: "f4146429689a340b"),
  GoldenChecksum(
    quantization: .int8, metric: .cosine, dimension40: "937755af65b6c09d", dimension100: "1e755f57233e9d28"),
  GoldenChecksum(
    quantization: .int8, metric: .innerProduct, dimension40: "606b3a732549d1ab",
    dimension100: "8da2542cad566ac9"),
  GoldenChecksum(
    quantization: .int8, metric: .squaredEuclidean, dimension40: "697e1b58d34b3b85",
    dimension100: "d90ad4a0a5bd8b83"),
  GoldenChecksum(
    quantization: .int4, metric: .cosine, dimension40: "ea948c09e1177b9d", dimension100: "102a46f584c484de"),
  GoldenChecksum(
    quantization: .int4, metric: .innerProduct, dimension40: "b1c544dde88080de",
    dimension100: "370a2c76ffe1e45b"),
  GoldenChecksum(
    quantization: .int4, metric: .squaredEuclidean, dimension40: "188d68107faa1b5c",
    dimension100: "01485b34f670f4c3"),
  GoldenChecksum(
    quantization: .binary, metric: .cosine, dimension40: "3e5758f59450de06", dimension100: "1757246a3c838dfe"),
  GoldenChecksum(
    quantization: .binary, metric: .innerProduct, dimension40: "ff8263e9782a6f47",
    dimension100: "ac93999562cfe498"),
  GoldenChecksum(
    quantization: .binary, metric: .squaredEuclidean, dimension40: "259dd5cdbaedb6f3",
    dimension100: "b39aed68c0801464"),
  GoldenChecksum(
    quantization: .lloyd1, metric: .cosine, dimension40: "54202112e3f425e2", dimension100: "d3b30c15a6a06554"),
  GoldenChecksum(
    quantization: .lloyd1, metric: .innerProduct, dimension40: "3c0e07e8af28a6f8",
    dimension100: "28b1fdf5cbaf5dc5"),
  GoldenChecksum(
    quantization: .lloyd1, metric: .squaredEuclidean, dimension40: "b94a0e1a40d3be91",
    dimension100: "5a09e088e9bf005e"),
  GoldenChecksum(
    quantization: .lloyd2, metric: .cosine, dimension40: "5e640980b395a54c", dimension100: "78a0326ea028a3bf"),
  GoldenChecksum(
    quantization: .lloyd2, metric: .innerProduct, dimension40: "486bb21ad5810893",
    dimension100: "25c439872b739694"),
  GoldenChecksum(
    quantization: .lloyd2, metric: .squaredEuclidean, dimension40: "518d6bf04cef4421",
    dimension100: "accb57076fbde9c3"),
  GoldenChecksum(
    quantization: .lloyd3, metric: .cosine, dimension40: "4136a7367e74be4a", dimension100: "4a2e9577f2f6b849"),
  GoldenChecksum(
    quantization: .lloyd3, metric: .innerProduct, dimension40: "1d5b22cf4bee6c28",
    dimension100: "693fe2c61ea229c4"),
  GoldenChecksum(
    quantization: .lloyd3, metric: .squaredEuclidean, dimension40: "31e2e586148ff50a",
    dimension100: "845744ad56bd68d3"),
  GoldenChecksum(
    quantization: .lloyd4, metric: .cosine, dimension40: "f618759a71df3e01", dimension100: "dc740399bed9134f"),
  GoldenChecksum(
    quantization: .lloyd4, metric: .innerProduct, dimension40: "4e2ced7db228c3cd",
    dimension100: "d77248f26ab7b972"),
  GoldenChecksum(
    quantization: .lloyd4, metric: .squaredEuclidean, dimension40: "a73dee2922d506f3",
    dimension100: "a4a0ef31d5c6a279"),
  GoldenChecksum(
    quantization: .lloyd5, metric: .cosine, dimension40: "b6d91b9ee54c561c", dimension100: "9006082aa955bbac"),
  GoldenChecksum(
    quantization: .lloyd5, metric: .innerProduct, dimension40: "daf8c30b7ed04692",
    dimension100: "b3f57cf7c9605e0e"),
  GoldenChecksum(
    quantization: .lloyd5, metric: .squaredEuclidean, dimension40: "c9caa6c796eb11f8",
    dimension100: "5e99dc05d08cbb89"),
  GoldenChecksum(
    quantization: .qdrantInt8, metric: .cosine, dimension40: "e7b60b4415876a35",
    dimension100: "477ca6f62a6e24cc"),
  GoldenChecksum(
    quantization: .qdrantInt8, metric: .innerProduct, dimension40: "3d55b768a3f0c606",
    dimension100: "ec63a2883a5199bd"),
  GoldenChecksum(
    quantization: .qdrantInt8, metric: .squaredEuclidean, dimension40: "bc68bfca6b69fc0a",
    dimension100: "ff7994d5be7a4423"),
  GoldenChecksum(
    quantization: .qdrantBinary, metric: .cosine, dimension40: "4b7cc8a3c76a010f",
    dimension100: "a3a8093a81c39a61"),
  GoldenChecksum(
    quantization: .qdrantBinary, metric: .innerProduct, dimension40: "4b7cc8a3c76a010f",
    dimension100: "a3a8093a81c39a61"),
  GoldenChecksum(
    quantization: .qdrantBinary, metric: .squaredEuclidean, dimension40: "4b7cc8a3c76a010f",
    dimension100: "a3a8093a81c39a61"),
  GoldenChecksum(
    quantization: .rabitq1, metric: .cosine, dimension40: "401fb9896edd3d87", dimension100: "597a5d43cd19af9f"
  ),
  GoldenChecksum(
    quantization: .rabitq1, metric: .innerProduct, dimension40: "4c6398ae2540c3c7",
    dimension100: "54ad7500121250a6"),
  GoldenChecksum(
    quantization: .rabitq1, metric: .squaredEuclidean, dimension40: "a8e183eb48357432",
    dimension100: "6f1c17b475155fcd"),
  GoldenChecksum(
    quantization: .rabitq2, metric: .cosine, dimension40: "22f88087f8ce9bd6", dimension100: "cee9ce070ea84f08"
  ),
  GoldenChecksum(
    quantization: .rabitq2, metric: .innerProduct, dimension40: "80111221d5612af8",
    dimension100: "fd9bd18ad51598a6"),
  GoldenChecksum(
    quantization: .rabitq2, metric: .squaredEuclidean, dimension40: "2106bbfe1f0ba96d",
    dimension100: "8ef3434757a398a9"),
  GoldenChecksum(
    quantization: .rabitq3, metric: .cosine, dimension40: "98897f28ac4d6025", dimension100: "05b8a5c304cd4dbc"
  ),
  GoldenChecksum(
    quantization: .rabitq3, metric: .innerProduct, dimension40: "dc0eecc7dff1cff5",
    dimension100: "398b970b38590f83"),
  GoldenChecksum(
    quantization: .rabitq3, metric: .squaredEuclidean, dimension40: "607a819aca0ee2e3",
    dimension100: "a950dc1e691cf99b"),
  GoldenChecksum(
    quantization: .rabitq4, metric: .cosine, dimension40: "b063836afeeb9772", dimension100: "45cbe1992522c555"
  ),
  GoldenChecksum(
    quantization: .rabitq4, metric: .innerProduct, dimension40: "94bdbe21038c27ed",
    dimension100: "42ddb75eba3d25aa"),
  GoldenChecksum(
    quantization: .rabitq4, metric: .squaredEuclidean, dimension40: "3910f28ab43083ac",
    dimension100: "d3004d7ce4d7cade"),
  GoldenChecksum(
    quantization: .osq1, metric: .cosine, dimension40: "8aab995c9074dea0", dimension100: "5910329ae386a8c2"),
  GoldenChecksum(
    quantization: .osq1, metric: .innerProduct, dimension40: "79917da12b2e7d27",
    dimension100: "5f9516c4f659cd46"),
  GoldenChecksum(
    quantization: .osq1, metric: .squaredEuclidean, dimension40: "49d69c871be8b8be",
    dimension100: "32f7b05e5ad4ce3d"),
  GoldenChecksum(
    quantization: .osq4, metric: .cosine, dimension40: "2b99864442f990e6", dimension100: "a6afd57fe62e6dc4"),
  GoldenChecksum(
    quantization: .osq4, metric: .innerProduct, dimension40: "55d427c864420ea0",
    dimension100: "2a45a36ffa7a3aae"),
  GoldenChecksum(
    quantization: .osq4, metric: .squaredEuclidean, dimension40: "6326cdc22dc65e89",
    dimension100: "bfa46693c6ec3bbd"),
]

/// Written by version 2; never to be changed.
let goldenLevelEncoders = [
  GoldenLevelEncoder(
    quantization: .lloyd2,
    base64: """
      TU9VTFRFTkMCAAAAAQcAACgAAAAoAAAAAAAAAAAAAAAAAAAAAAAAAAAA+H+qAAAAAAAAAAAAAAAAAPh/AAAAAAAA+H8AAAAAAAD4\
      fwAAAAAAAPh/AAAAAAAA+H8AAgACAAICAgAAAAAAAD4AAAA+AAAAAPDPfD8oAAAAeECWPG6gur0rzSU9Bbf3u+Gn2byWBdO7zj42\
      vVMZFjrOjrw8im1aPQEJPjx2JsQ8fBmYPWnZBL3gAAE7JBlWPY71rj2OXgc8nNkBvWd8vDxMVYw9wnP/vC3opLyteb08Wo8dPU48\
      oDxR7qW6Zq6yvWChtzv9vRM9SaIAvaevaLxK0Ve9Tjk3vAGK6LwMLY68CvkmPTXpvzxJmbC7n9gLvQAA4O+t2aVkvcAA3/GdqDgO
      """,
    rows: "55875b9a6b9254b26a79468816999bfa396dea018969a5e7ab209f9b90a8a599bda947493a1c553853e121ed5bd8e4a6",
    scores: [4.0861974, -0.9749932, -2.525544]),
  GoldenLevelEncoder(
    quantization: .lloyd4,
    base64: """
      TU9VTFRFTkMCAAAAAgkAACgAAAAoAAAAAAAAAAAAAAAAAAAAAAAAAAAA+H+qAAAAAAAAAAAAAAAAAPh/AAAAAAAA+H8AAAAAAAD4\
      fwAAAAAAAPh/AAAAAAAA+H8AAgACAAQEAgAAAAAAAD4AAAA+AAAAAITRfD8oAAAAeECWPG6gur0rzSU9Bbf3u+Gn2byWBdO7zj42\
      vVMZFjrOjrw8im1aPQEJPjx2JsQ8fBmYPWnZBL3gAAE7JBlWPY71rj2OXgc8nNkBvWd8vDxMVYw9wnP/vC3opLyteb08Wo8dPU48\
      oDxR7qW6Zq6yvWChtzv9vRM9SaIAvaevaLxK0Ve9Tjk3vAGK6LwMLY68CvkmPTXpvzxJmbC7n9gLvQAA4O+t2aVkvf+HgWbHt6np
      """,
    rows:
      "66577db39f56aba79d4a1ba653663a8f9b7b957e6a439482792695b78db5a9dc853de67a88ea152287a29568579a6ce98cab133adcb78bb43397b49874aa9485c78c97bb6e53a6738a2dc3345765913c2b6736e9373ad6c9ab7782c764da5aa8",
    scores: [-21.271183, -27.630692, -30.75418]),
  GoldenLevelEncoder(
    quantization: .rabitq2,
    base64: """
      TU9VTFRFTkMCAAAAAQ8AACgAAAAoAAAAAAAAAAAAAAAAAAAAAAAAAAAA+H+qAAAAAAAAAAAAAAAAAPh/AAAAAAAA+H8AAAAAAAD4\
      fwAAAAAAAPh/AAAAAAAA+H8BAgACAAICAgAAAAAAAD4AAAA+AAAAAAoXfT8oAAAAeECWPG6gur0rzSU9Bbf3u+Gn2byWBdO7zj42\
      vVMZFjrOjrw8im1aPQEJPjx2JsQ8fBmYPWnZBL3gAAE7JBlWPY71rj2OXgc8nNkBvWd8vDxMVYw9wnP/vC3opLyteb08Wo8dPU48\
      oDxR7qW6Zq6yvWChtzv9vRM9SaIAvaevaLxK0Ve9Tjk3vAGK6LwMLY68CvkmPTXpvzxJmbC7n9gLvQAA4O+t2aVkvSyHH1uubn0H
      """,
    rows: "55875b9a6b9255b26a79468916999bfa396dea018969a5e7ab209f9b90a8a599bde947493a0c553853e121ed5bd8e4a6",
    scores: [3.828407, -0.9526719, -2.2403128]),
  GoldenLevelEncoder(
    quantization: .segmented,
    base64: """
      TU9VTFRFTkMCAAAAAQsAACgAAAAoAAAAAAAAAAAAAAAAAAAAAAAAAAAA+H+qAAAAAAAAAAAAAAAAAAAAAAAAAAAA+H8AAAAAAAAA\
      QAAAAAAAAPh/cKIbSf6rtz8AAQABAAMBAAAAF10tPtOQKTyZcHU/KAAAAHhAljxuoLq9K80lPQW397vhp9m8lgXTu84+Nr1TGRY6\
      zo68PIptWj0BCT48dibEPHwZmD1p2QS94AABOyQZVj2O9a49jl4HPJzZAb1nfLw8TFWMPcJz/7wt6KS8rXm9PFqPHT1OPKA8Ue6l\
      umausr1gobc7/b0TPUmiAL2nr2i8StFXvU45N7wBiui8DC2OvAr5Jj016b88SZmwu5/YC70BAAUAAKX1bT2wlGC9nVrLvGW+4jlM\
      SVW+p+RlvNgklL7pBd89O8V6vv37WL21YDW9Fu4OviMdUDu2Mlq9ASuLvv1Mfr1uqEk9canhPd5/PL6xf9Y+ds32vNE8x71xtYc9\
      mcE5Plztgz56rNs9l7x+PLaCT75uhTs9vE/VPVEZlz5kwNY9J89UPaJezD0rfNY7zlljPS+mHL6oMY0+tBJpPtdDET6XHQA8YZHZ\
      vcIAuDwxRVs+lqucPjoQj74qdEk9oX7mPR3Hkr2BpFi9WsaIvi2+gbuBBeu9Q2McPl9/Kb5Za+E9R7iAPvwgcD74Ofs8D78/vvh1\
      lj74eGi+0psFPjSTVL1Vv6E9TlKLPhcapb26nTE+ZAMvvJzuNz4bdPU8ej/lu9WWMb6wr4k9FwuEvRGB7L2hZFs+t9KWPfreAD70\
      2Ay+JTUhPtAbQb3tCR88ut+aPkFYP74qk6c9Bh8cPbkDpz6DLOY9+3BePZW/Er4RULy8KvMPvdtqa746lw2+JWATPHAt5D3Qz1u+\
      R0p/vdGBZr7lzae+QLmJPEtbQr6n1TA+HnOTPfDaEL3ETKq9nD3CPbZRIr6fHoC+8oJxPiiEMT7Ce4y+OUe0O7BWArx3g449i100\
      Pg++Eb7Pzzg92uSfvaed/L3WkUc9oZVtPinToL2dh1y+OMewPozNKD4M/7E9DMvEvnjPHb2iJTu9mHivPaYQWT6SuAk+v0khvbeL\
      s77Balo97RbwPQd/dr30wCK+1cQLPrK2QL7O/uu9793QPWx0072yuYM9Y4AbvmZBZj6HFSe932AdvmqmIL64Q8M93xxUPTxua74V\
      WZa9V5/wO6WJory/5VI+6cKIPLoYD72ut9g8gGarvu9xND5XhM6+wB1/PtyrC77fbne+ePTEuymQjz3mi+29y/icvUytkz2y04g9\
      fbp6PoLXFr32Uam+u0kivWSNb75dvPe9cScrvQ27V74MaeS9O4mQPWM1uzz/Jgg+u6qqvW+o8r37tsi8PeiIvfUc3r1TT5c9v4oj\
      vm/YXL4N9uO7Qjaive2RLr7Ax4U9l74IvfMeHL7iuAg+0KBVPvAXTT4cGyO94c7Nu4RMbT5s++I8l0r2vTE8gj4tfoa+/JGlvD4V\
      TD4j8Vg+GybyO9X+Cz54dFS+0ktNPhA7ib3/hps920k7PjO6cz0xbLY9bqOdPYX01DiC86c+/TT3vVim1byoQny+a28JvgiRAL4N\
      A5G87urgO9fLJr43+D69gT75PGJlUr0xD4o++uRAO8OVzL1kQLm+pAqrPPMjUj22rIG95esxvX3pQz7Wj0u+iNQaPjVxS77TaMI7\
      XVw0vgaPNT7J2Xk+XBzGPYDlor2XnuM9AvQlvo/tF759LnU9WpB9viYd1rrwg5U98D2jPV7zjj5qDze+dQ9avkerwL3graw90yzM\
      PN17qT2BVlg+px+EPoyN2r34rae+WByavkLYoT2QN8+9hHJDvvB2zT2yX6y8rFfQPXMpk73+rIQ+7XAgvsw46j2OH1C+MWwuvjIv\
      Ez4eBFM+SnPEvaC1XT6iZmQ++bKDPeFCu75rOxa+kOD+PdCGK73AvJo9alN6PqkdKT3Jat88OafcvYeFCz4QJ9w6raCDvS2gNrxH\
      k7m9ug7OPblW1Lxsk3q9UqNOvklLGj7Miks+LclYvjLYw73rmie+helcPqT8Gz5Yq0i9g4lSPpt7Nb72ziA+R1c2PVUOnbzcTOO9\
      SX9vu7GLnbsNiZ88hYiXPW4IvD5lkHY+BJeMvc4RqL1rYwi+oOw0vtROFT6H8Lm9LY9AvZcC9L5Kp0M7LM6nvX9EOD4+PFq7rtDL\
      vCp48r3UZKM8Hamevfn82jyWiIw90T6dPp7MDL7eseU9htjivSF2Cz3Ij4w8SfAAPvaOKT2eSD++CMppvi9edj7/LUy+oNd6vlP9\
      qz5u4rM9OL9CPlZy3j2fkE2+EBVUvkthED6ZkOG9eQw2Pjj/Qr4iAfc+hrA6PYl1yD0AEK09h3yJPM69P742A7O9TRJVPhhAub0M\
      4KW9+KSwvP7/h7xJi5Q9/hsnPleLrz5L2wU9me3/u65yI71rf8g9wOarPGB/1r0odto8hXslPPS3jT2jJgo+2/xpvWUqaD614Lc8\
      ehwKvdBvUb4hRLc7hRQvvruTUDzOcMM9J44RvakMmT0+ie8924pFvalAG7sSfKI9v3sqPj59aD6Sxio+lpMxPZZByz0GER09mCnL\
      PSRhp76T+8c9BNiPvTlMWb6gxxK+s7vnPlnGbD3eaky+flRKPcDhyL3T2RI+zVPDvfNygT6jnaU9g4blPajLvz1MJb8+dHkWPMyA\
      CD57Tfi9A/9zPtSAGz1Dt3S9LEmRPhnPIr5qudE9t6auvPDIyb2xdR4+9nswvnN2Ib6d69Q9ztDbvXJp8r1ZQF6+o7g0PTNaQ705\
      1O88g4S2PGUT1r3+wtK9pumFPr3CWT2D0oc+Tmc3vkHTWjsQsVc9HUEAvsT4JD61Iio9LWTGPQsj2D4eGIm+40nePWpXZj3qkWY9\
      9TxUPqxUkr7acfU9fZKhPC785r0gzQu+hpgDvmE/TL6rubA9vxTkvZ1Rar24WhE8OvV0PsuMpz44MBI9861BPmn8Pr08LYK74Mpn\
      PgDgeL6bhpE+Me+Uvb9Xor13fYk+DfAIvuDQVD4U4Gk+LzYnPj5e6LwBCAw9ZoCRPmC7DT5/vx2+YvvgPSzn2b0E7AA+KIYWvqIx\
      Wj7X3mG8+nxkPPQWbT0KIoU93hB5vsPUZTvjlaa9vKKTPcS+tr3caGY8MVSoPqjSLT7Ah7K9NtwnPm55ZL6EAhK9HTksPFFj/b0Z\
      gQe9QmWNvATBWL7+bw49Btspvpyf47xj9oy9sMZVPpBil77bgVU+zPHfvCmJHj2oan48uK/6vctTqr1Zy2y8UasTvhxBCr5FqPC9\
      Bk5NPg2CWL3cv8u91H9APkebVL6XRqk97wChPgFFvr0870y+DRCcPspGtr1Od1S+U5OZPFGQZL7vZF6+wvmbvSg/v70ge8698cHw\
      vRy7az1Jwc68KtBAPRb5TL12tQU+vfICviQYp777N6k8DspdvhLVKz1BcF8+UgOjvDjdnL5SARs+/TcUPRdpmDzznyA+/d1dvWUQ\
      7L5a0wC+bGG4PSzIXT519z0+NB9YPsISLL5DGTA+UHChvF8XQz3BRpy8Mt/WvaaGSz1dU5i9xikyvjCOcr6+WxC8RgnaPeSAPjxY\
      EQK9/u+5vftf5T3jX6+7NEdLPD0Qfb25XCM+KqWzO4UBy7gH3z+9jPy1vg7msL0vDPq9IF97PeCFhT5zyj6+J9EVvoKmc75yNiE9\
      gkbPvd7dfD0Mrc271jfNPhiO/b27D888Yj7+Pf45oz3hcYu9YWlwvrZ1M77JR1i+T6h5PkHiqL7lbdC9RIzHvCbmBr52Buo9+0yi\
      vi+/Jb6QpgO+9Qh+Pjg6TD1823I+yDSKPqMlmzx23fw8+Z1fPqX+Pb6wqaw+NGgYveauNz4xJZ68bSi3POUSpD3znjA9evJuPu0w\
      Pj1iU8S9LSQ0voa1vjsaoNC97a3yvftcBr6KQA6+29FYPUGq1z1aK4a9RCSUPW/ELr54iYS99TFWvQF+pz2xvaa8bOMXvvvyvT5Q\
      pye+8sWnvRACoT3BtJK9z+4fvr2bRL00IZE+y36cvZFTdz2jKpU8c8pLvfkbDT0fJYC9bf+yvIrzLj4VYzG+hI5NPmXNMD2FGJW8\
      uwsDv5lzWr7EkD49bgEwvvp/+D1XoS2+SZWYPAs2Mrz/OwC+VrPjvS5AcD5KP8Y9pNc7vQ2lLz6DEmW9nPcHPl7Caz7D74k9o0L5\
      vWfds75N9by9YM4bvpc9Sj7kIls+w7pZviXaz71yrqi9s4RRvR+kxz6PlqO9/1ORvro9CL62CiO++byYvaoPlT2tj727Vq5+PNLq\
      Dr5dNG6+9fKePep+371tSQm9Z+xVPOXLGD6lZYY+9VxZvjXITr4Da1C9EWAiPbZyJb5+Xk+90EDXvY5/qD6Z9JC9IjeEvr0zLD6C\
      sM69DDP7vWVUyD3yYyQ89ZR6vLznVjl6HdW9hBJ/vGxHFz2xAlO9A1navGNUqr27GSI+LKVgPnNJnb1uFt89f4OSvcQ9CrwLEkq9\
      0XPRPLNoaT0P00G+w1o1vm/S1j3NqX4+xoY0vf04X75Ldq28/CuzveJFjD2YuZS99QGFPg/bEb1PGtg8VhzTPuQNez6nPJI9z+YF\
      PuRt+jzq1LQ9vdqhPiYniLsghRQ+4mhEvr1Jy70TjNI+Jo8rvZDwJz43IO69BELJvWiZvDyItT8+H/lHvq3yuj1V6O+8h54mPgBL\
      aT4XRC++uvWIvkM1Lb7GQDo+XiQpvRZjKb5UUpC8Ps5dPrX8EL3Zc0G91dIIvkHw0j7G6hS94PEYPuuBXT4tzY2+QR0ePcSQbr1F\
      lFO95325Pday6zg2Mou92smqvuCC4rwU1Va+YaHaPAjRYL1SH9s961MKvgqTHz2B/4u9Phv7vcf7Qz6dwp87GNhovLvGjz3MLoq+\
      dkafvn30R7wic/+9cY8BvkXyGT7G0IS9biIlPtOuCLwjb7G8eqMpvtCDAb2hxV0+YGGPPZJOL748Kgw9xmpiPgLydD43MDa9vCEI\
      Plcioz7GJe69kT8DPtkg0LkUdRK+AXUovhS0570ClJk+8QYTu8/wBb6yIJ++lrpfvmJqUb1jZG29fTqLvmjbIr7V4oY+z86OPZ5i\
      2T1CNdi9WAr8vLaKgb7/4kW9qbAOPRcMd75SSu68y/nEPuBRHz6Yn4U9Y+zWPdmEdT7Ntws+5foFvrX7yr408f09SkWyvL6EcL2S\
      jhM8+l/RvGzKqz3oXRy+LRPBPQUGaL45PQk9/2TlvFUX6D0Ocwo8SfHUPRyJqb3K2nW9Rg0KPgk8Fb67DGO+xE20PUku0L231Ee+\
      lWRiPoVAcz7swuk9PaVXPMnkRz7jFk89HQEWPLY4szwa0Ca9n96tPa12Hr50p/e9IPFKvoR0FLzzzn++yyQ9vni2bb2igCw+XRUV\
      vSGPiD4WBIA9vxbGvSL9eT20hrs+jel4vtIyCT5jcpi9EzE6vrRozTnxSeo9lBCLvqVe/j0Tbu48b09gPlOoTD7gsSW+7WXlPYqR\
      Uj7KVYa+jFrMvbNJAr5R9tE9ENckPhou8z1GoHG+nH0WvqlOHL4aZCe97z+wPaK2W7v3du29D3fMvhzVNj0yPgu+UWoVvlaebD5C\
      ug6+AurZPM+zXj4rWgy+e8bHvcdKNz5Zgvs90CTVvT5DrL3kJzW+NKoaPkdes7xFqJU+zGiIPgcKkr3A2qQ9+N5JvmzztbtKnaS9\
      UV8kPV3sg71gbDG+ps3tvZK9Bj1WaiO9JY83vvJvwr2hpQA+ptWCPvzKD71lwaq+G9vSPaFakT0KD4o9cfNIvm7Q7rxxito9tBdD\
      PusCqr2/ViE96KqPPgyLEr3motW9n4lnvKlM5L7URjg9wpCcPfmwDr5yJYc9UwuRO8xRdb2lSx8+CLNnvtYbaz6t3cG9uKqMPfO/\
      Mz3htEg+unNFvKBsk772eeq9u6fVO8ZDIr38nra910QuPhgVhr7IKqa+agbKvdQl1b1OHsE8UCCBvjDalTzKNbO9BIALvkLqrD7P\
      WAC+FWYMPJgk8r3fm0y+5OuJPX3/Oz1wk3U9fyjsvSnAgj339B09BHzJvt/EWb5+Lka+FsXruysRcLw/6b87esAJOgWjED4a/Bs9\
      FLqwvrqWAT6zEJc9yUuJPbNaub1Iy1s+DZOOPcxNHb19Ex8++4acPqf8yT7wZ0M+JoluPmQp5b1iyvW7F1dlPu3Wsb2XPBw8BGNJ\
      vqoKmT6xbMu8noP5vcFILr4jlok84JAYPrfWWz1uXT09kY8EPVYsajytqIU9JFKxvSwREr59bju+QucLvheULL0QSOe9uiQ3Pmxh\
      cz6vvjq9uE0CPkD/wDw/zh28EBycvlVEzb10RTC++2GFvQmvED7H7bC+DLXZvWkqKr0hvt69ZZ2oPYtdybxLxDS+f9kQvrj3Vz0W\
      av89Jl2KPizwNT07GXs+rVdevXxRQb5FaNY9V2JAvs/88z10+1k7xNuJvIaEOj4s2rg93VphvQhlcz2CLi2+oiW2PcLH8j2iA1M+\
      Q+qcvYp8jL6ovJ0+yGyVPYnbHL6v7a89LQu3Ph9FKLyXmFM+PkvYPYEMbT3cCaC9DxoEPjZVJr5etrs9LCiEPXXlAT5ZzgY9SjqD\
      OYf/uTwpiei98hgmPb1zXj6G5n881dnMvj5/gL3PLU690DaJvhI9HD6UAEM+bKxwPJZ0Sz5H+bc9bJ9iPTWPGT52nJK+9uoLvTU1\
      Vb5Xfa89CI5jPq9eB7695k2+F/nevUQbqj4DoLy9Jo4hPhBBfz2tfyw+AW6NvcrPEr7cW369fXFAPvVIAz6hgC8+auF4vEjKC76X\
      /QE+XqAtPkTDiDzqTya85s8vPaVXfTzDSry9EBekvVKMFz5RhRA+o5ZIvpxOSD5FvBO7kbEbPWNDoj2Jwao9W8ZdvnwZEj7dkyg+\
      zVzLvfFlTT4VR7a+Z4CCPfWD2j4QcY4+9xkAPsf9Cj2OSxs9Dl+wvJEPXr7WDoe9uy81PmmBgT7tBzg+4diPPXUOUD3RAX++oFri\
      PIfmsr3eyB2+L5chPfvryTpwOhk88+aRvXpbPr2AD8K+uQdlPv4xqr5Xd/S9xXsNvj7SCT2NJDA6+oB7Piydj7yjCf69/IDzvDjN\
      sL1G9U8+K2bBvMmoqj76hTm+4PO/PUhKrD2FCgw+ImfmvF1ycz58bJm8tpVFPgUbjb04irk8hESdvriNr72SVxU+fhWyvOp4Lr6B\
      PQQ9Q5DG949JOxQ=
      """,
    rows: "45b9a0a3979f696daf09735ed491b25eb8df71d9854a2351c4d7e1428dd8801ff174738f",
    scores: [2.449251, 0.029440746, -1.4024785]),
  // Behind pca, of 8 dimensions.
  GoldenLevelEncoder(
    quantization: .lloyd4,
    base64: """
      TU9VTFRFTkMCAAAAAAkCACgAAAAIAAAACAAAAAAAAAAAAAAAAAAAAAAA+H+qAAAAAAAAAAAAAAAAAAAAB3aaksG81j8AAAAAAAD4fwA\
      AAAAAAPh/AAAAAAAA+H9AAQAAaCt+vQLiBb7p6qo9YbWbPNwu+b3vIx09ovMgPoghJ75M1G2+gXbIvSzvH75VSX89KVeYPpNHEz5RUf\
      k7w3tFvhY+vTyKfly+V57uvWdHXD2P30Q+J3+Jvvm2uz2TpE4+QtaIPWx3jb70BT8+YoxNPvljfj6goAK9q5uPvRykfb1AdiA7Gp6Fv\
      iitUj1uGS0+cp1vPVmFDT5BIXA+0ORMvrkpkz0mAvo7pbhSvgCfYj7FBJm8Vpa8Pvgv+73Ogw0+Me6dO+RdcT5ji4q9nE55vVKgKz4f\
      9Oa98OnKPU1CdjyZAqI9FxKPvtmCkj7+rDQ9rDuKO4T4rr0ESKk9krTSPAdfBL7t9eC9GuhnPipjm75yS5a+ofXovcyxcb51y6A9tZX\
      ZPD+Qwj3MkQc9hA2IOt5kpb32Z369cnyOPvUafD1pQ4++5RMAPivyLT1N4vW93fMbvlcsjT6jokI9oWpKvJweFD4za2u8xlkTvP//gr\
      zssmY9TJQUvRKgeT7SI8o7t9+Evbna9L3Y9iC+P5TaPrpbcD7PzSM+d1GKPUHGhbw6alo+teFkPgjclT3RPhA++Eo9vSa4kj7jSZ27o\
      uMzvCZ8v71ECrE9c8ACPlGQ6b2ZOXu+tlhPPvADr7wlwUs+/4RMPc8tHL7sKhs+7gD6Pd9XGz55NBw+vl/Cvffd7r3cuuk9MTztPf9v\
      tD35Xh0+EGV8vnyURb1XHN4+LH24PchbIb4qWsg9IwvvvUR/DTtt3cq7u1KOvFlG2rxLsFg+GTxEPrG+Eb45VaK9ShsUvTrHe73A6Da\
      +VL3ZPUaHLz5E2PU9dVFhvczkLT41haS+nqORPkIVLz7gGPA9kgJSvi3AUj7pC4S+0dmVPTNlCLyf+bo+5adxvTIfjz5SwwU+F35dPh\
      OPUD5CHBG9K4IUvTOQeT5Rfk0+n8kQvgzkSj72kZk97uIbPdWoCz6p/gu+X71ePLjvBTuh1bg9oT4TPil5RD7QDGo+9CqdvSTJoz15B\
      Wa7oM3RPWiTCj5MtU49aN4IvVYtHb7+32Y+2rxkvVGYgL7s8Aq8u2pdPnlYxT0qawg9thySvV9uTT5tN7+8zRHLvezPrz1V7re9Tgq4\
      vUCSDD7GDP89rYyvPgkpjj3P3YO+8k2RvvCqh75qM+C9DhBJPogthb69rE0+ewPQPEQfkj26Xre6Fkhfvk7n2TwWJxc9ANCJPXwZxzs\
      ChCC+N6GMPt1ktr1dRpQ9ahZNvl91gr3aihK+pxGfPif5Gz7Af3W7AzAgPnSPhLy/B5I9P91YOxtZSL6d/Be+GJwOPgG0Y72Wv8K8oK\
      SwvBLH6z0NsGu+zG4GPWsGPj2891++tSOsvWVUEj6Qhv682aWOPvDdN70Wbws+At8hvoFKVz4zeoe+P8OvvWWuVj2KpBs9bTjCvadb3\
      ryCvok+3Ab4vKMsbD59W5i9DB5fPpDBmL7BDbm99mhLPgHP2D1ASJ69aDsZPm7SKD5KSQw+y+CpPpc1Fz7geqw9y2VhPlp+QD51Glu+\
      lQcGvkEHW77dlFu+AH8Mvp1nSD7g6t29Wad3Pnm0Xr0n4PQ9R24LPAYA+L157IW+OTeFPdTYPrx1u2u8Yrz1vVbg6jzD3zg86ggxPiq\
      F7rwGBZ8+JCePvYtGR765Plg+0WgGPkNGIb4ZLzY9t/WFvsCU7judjiy+/IqrvVmcPr606qu9Rc+NPhDlgj0AAAAAAAIAAgAEBAIAAA\
      AAAAA+AAAAPgAAAABW+Fw/CAAAACWn9Tx9vSe8t+OAvOtsmjtLtlM86vIuPIBcuLwKujs6AGNz4y7wdYSAX+Q+VC6M2YU=
      """,
    rows: "96a8a5e352a62b725d9c66d859db36c3cba6974255b6b96485335193ba656e4739258ab8c89788579c821bfa4a71ebc8"
      + "967685b5b6a847154935b69c4cb1474b694896cbb4c87da479d449fb5836e992c8876c63a6cb8c05684542a969886c5a",
    scores: [0.41166434, -0.009990501, 0.054037318]),
]
