"""Importers of public corpora under upstream's names: `import_cv2`, `import_librivox`, ..."""
