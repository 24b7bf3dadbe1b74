//! Image bytes in and out of Arrow without a copy: the column `images.bytes` as views into the
//! pages of a file that is read, and into the images of a row that is written.
//!
//! `binary` and `binary view` are the same bytes in Parquet; only the array in memory differs. So a file
//! says `binary`, which every reader knows, and we hold views.

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::GenericBinaryType;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::Buffer;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use bytes::Bytes;
use std::sync::Arc;

/// A view of at most this many bytes holds them itself.
const INLINE: usize = 12;

/// `schema` with the bytes of its column `images` as views; None when it has no such column.
pub fn viewed(schema: &Schema) -> Option<SchemaRef> {
    let (at, images) = schema.column_with_name("images")?;
    let DataType::List(item) = images.data_type() else { return None };
    let DataType::Struct(fields) = item.data_type() else { return None };
    let bytes = fields.iter().position(|field| field.name() == "bytes")?;
    if *fields[bytes].data_type() != DataType::Binary {
        return None;
    }
    let mut inner: Vec<FieldRef> = fields.iter().cloned().collect();
    inner[bytes] = typed(&fields[bytes], DataType::BinaryView);
    let item = typed(item, DataType::Struct(Fields::from(inner)));
    let mut outer: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    outer[at] = typed(images, DataType::List(item));
    Some(Arc::new(Schema::new_with_metadata(outer, schema.metadata().clone())))
}

fn typed(field: &Field, data_type: DataType) -> FieldRef {
    Arc::new(field.clone().with_data_type(data_type))
}

/// All values of a column of bytes, which share its memory; None when it is of another type.
pub fn all(column: &dyn Array) -> Option<Vec<Bytes>> {
    if let Some(binary) = column.as_bytes_opt::<GenericBinaryType<i32>>() {
        return Some((0..binary.len()).map(|i| Bytes::copy_from_slice(binary.value(i))).collect());
    }
    let views = column.as_binary_view_opt()?;
    let pages: Vec<Bytes> = views.data_buffers().iter().map(|page| page.clone().into()).collect();
    let one = |i: usize| {
        let value = views.value(i);
        match pages.get((views.views()[i] >> 64) as u32 as usize) {
            Some(page) if value.len() > INLINE => page.slice_ref(value),
            _ => Bytes::copy_from_slice(value),
        }
    };
    Some((0..views.len()).map(one).collect())
}

/// A column of views into `images`; None when one is of 4 GB or more, which a view cannot span.
pub fn column<'a>(images: impl Iterator<Item = &'a Bytes>) -> Option<ArrayRef> {
    let mut builder = BinaryViewBuilder::new();
    for image in images {
        let length = u32::try_from(image.len()).ok().filter(|length| *length < u32::MAX)?;
        if image.len() <= INLINE {
            builder.append_value(image);
        } else {
            let block = builder.append_block(Buffer::from(image.clone()));
            builder.try_append_view(block, 0, length).ok()?;
        }
    }
    Some(Arc::new(builder.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_share_the_memory_of_what_they_show() {
        let page = Bytes::from((0..=255).collect::<Vec<u8>>());
        let images =
            [page.slice(3..200), Bytes::from_static(b"short"), Bytes::new(), page.slice(50..)];
        let column = column(images.iter()).unwrap();
        let back = all(&column).unwrap();
        assert_eq!(back, images);
        assert_eq!([back[0].as_ptr(), back[3].as_ptr()], [page[3..].as_ptr(), page[50..].as_ptr()]);
    }

    #[test]
    fn a_table_without_images_has_no_views() {
        assert_eq!(viewed(&Schema::new(vec![Field::new("id", DataType::Utf8, true)])), None);
        let odd = Field::new("images", DataType::Binary, true);
        assert_eq!(viewed(&Schema::new(vec![odd])), None);
    }
}
